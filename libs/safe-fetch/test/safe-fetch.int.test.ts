import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTcpServer, type AddressInfo, type LookupFunction } from 'node:net';
import { brotliCompressSync, createGzip, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { until } from '@switchyard/testing';
import { Agent } from 'undici';
import { Blocked, guardedConnect } from '../src/guarded-connect.ts';
import { createSafeFetch, parseServiceMap, type SafeFetchOptions } from '../src/index.ts';

interface Seen {
  method: string;
  url: string;
  headers: IncomingMessage['headers'];
  body: string;
}
const seen: Seen[] = [];
let connections = 0;
let closedEarly = 0;
const routes = new Map<string, (response: ServerResponse, request: Seen) => void>();
const server = createServer((request, response) => {
  let body = '';
  request.on('data', (chunk: Buffer) => (body += chunk.toString('latin1')));
  request.on('end', () => {
    const one = { method: request.method ?? '', url: request.url ?? '', headers: request.headers, body };
    seen.push(one);
    response.on('close', () => (closedEarly += response.writableFinished ? 0 : 1));
    (routes.get(one.url) ?? ((answer) => answer.end('ok')))(response, one);
  });
});
server.on('connection', () => (connections += 1));
let port = 0;
let base = '';

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  port = (server.address() as AddressInfo).port;
  base = `http://127.0.0.1:${port}`;
});
beforeEach(() => {
  seen.length = 0;
  connections = 0;
  closedEarly = 0;
});
afterAll(() => {
  server.closeAllConnections();
  return new Promise<void>((resolve) => void server.close(() => resolve()));
});

const open = (options: SafeFetchOptions = {}) =>
  createSafeFetch({ allowHosts: [`127.0.0.1:${port}`], timeoutMs: 5_000, ...options });
const answers = (...addresses: string[]): LookupFunction =>
  ((_host: string, _options: unknown, callback: (error: null, all: { address: string; family: number }[]) => void) =>
    callback(
      null,
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    )) as unknown as LookupFunction;

describe('the guard', () => {
  it.each([
    'http://127.0.0.1',
    'http://127.1',
    'http://2130706433',
    'http://0x7f000001',
    'http://0x7f.1',
    'http://0177.0.0.1',
    'http://017700000001',
    'http://0',
    'http://0.0.0.0',
    'http://①②⑦.⓪.⓪.①',
    'http://127。0。0。1',
    'http://localhost',
    'http://localhost.',
    'http://x.localhost',
    'http://[::1]',
    'http://[::]',
    'http://[::ffff:127.0.0.1]',
    'http://[::127.0.0.1]',
    'http://[64:ff9b::7f00:1]',
    'http://127.0.0.1.',
  ])('never reaches the canary by %s', async (origin) => {
    await expect(createSafeFetch()(`${origin}:${port}/canary`)).rejects.toMatchObject({ code: 'egress_blocked' });
    expect(connections).toBe(0);
  });

  it.each([
    ['a private address', ['127.0.0.1']],
    ['a private address among public ones', ['93.184.215.14', '127.0.0.1']],
    ['an IPv6 form of it', ['::ffff:127.0.0.1']],
    ['the metadata service', ['169.254.169.254']],
    ['nothing', []],
  ])('refuses a name that leads to %s', async (_, addresses) => {
    const fetch = createSafeFetch({ lookup: answers(...addresses) });
    await expect(fetch(`http://rebind.example:${port}/`)).rejects.toMatchObject({ code: 'egress_blocked' });
    expect(connections).toBe(0);
  });

  it('asks the name server once for each connection and connects to what it judged', async () => {
    const asked: string[] = [];
    const rebinding: LookupFunction = (host, options, callback) => {
      asked.push(host);
      // The first answer passes the guard and leads nowhere; every later one is the canary.
      (asked.length === 1 ? answers('192.0.2.1') : answers('127.0.0.1'))(host, options, callback);
    };
    const agent = new Agent({ connect: guardedConnect((address) => address === '192.0.2.1', rebinding) });
    const outcome = await new Promise((resolve) => {
      setTimeout(() => resolve('still connecting to the judged address'), 300);
      agent.request({ origin: `http://rebind.example:${port}`, path: '/', method: 'GET' }).then(resolve, resolve);
    });
    expect(outcome).not.toHaveProperty('statusCode');
    expect([asked.length, connections]).toEqual([1, 0]);
    await agent.destroy();
    await expect(createSafeFetch({ lookup: rebinding })(`http://rebind.example:${port}/`)).rejects.toMatchObject({
      code: 'egress_blocked',
    });
    expect(connections).toBe(0);
  });

  it('looks at the peer once more when it is connected', async () => {
    let asked = 0;
    const agent = new Agent({ connect: guardedConnect(() => (asked += 1) === 1, answers('127.0.0.1')) });
    await expect(
      agent.request({ origin: `http://rebind.example:${port}`, path: '/', method: 'GET' }),
    ).rejects.toBeInstanceOf(Blocked);
    expect(asked).toBe(2);
    expect(seen).toEqual([]);
    await agent.destroy();
  });

  it.each(['file:///etc/passwd', 'ftp://example.org/', 'not a url', 'http://u:p@example.org/', ''])(
    'refuses %j',
    async (url) => {
      await expect(open()(url)).rejects.toMatchObject({ name: 'AppError', code: 'egress_blocked' });
    },
  );

  it('does not use the proxy of the environment', async () => {
    process.env['HTTP_PROXY'] = process.env['http_proxy'] = base;
    try {
      await expect(createSafeFetch({ lookup: answers('127.0.0.1') })('http://x.example/')).rejects.toMatchObject({
        code: 'egress_blocked',
      });
      expect(connections).toBe(0);
    } finally {
      delete process.env['HTTP_PROXY'];
      delete process.env['http_proxy'];
    }
  });

  it('tells the log which host, never path or query', async () => {
    const lines: unknown[] = [];
    const fetch = createSafeFetch({
      log: { warn: (fields: unknown) => void lines.push(fields) } as SafeFetchOptions['log'] & object,
    });
    await expect(fetch('http://10.0.0.1/secret?token=hunter2')).rejects.toThrow();
    expect(lines).toEqual([{ host: '10.0.0.1:80', err: expect.objectContaining({ code: 'egress_blocked' }) }]);
    expect(JSON.stringify(lines)).not.toMatch(/secret|hunter2/);
  });
});

describe('the service map', () => {
  it.each(['http://agent.example', 'http://AGENT.example.', 'http://127.0.0.1'])(
    '%s is never called over the network',
    async (origin) => {
      const serviceMap = parseServiceMap('{"agent.example":"a@b.c","127.0.0.1":"a@b.c"}');
      const fetch = createSafeFetch({
        serviceMap,
        allowHosts: ['agent.example', '127.0.0.1'],
        lookup: answers('127.0.0.1'),
      });
      await expect(fetch(`${origin}:${port}/`)).rejects.toMatchObject({
        code: 'unavailable',
        message: expect.stringContaining('XMPP'),
      });
      expect(connections).toBe(0);
    },
  );

  it('a router that fails does not open the way to the network', async () => {
    const route = () => {
      throw new Error('broken');
    };
    await expect(open({ route })(base)).rejects.toMatchObject({ code: 'unavailable' });
    expect(connections).toBe(0);
  });
});

describe('redirects', () => {
  beforeAll(() => {
    routes.set('/to-ok', (response) => response.writeHead(302, { location: '/ok' }).end());
    routes.set('/to-metadata', (response) => response.writeHead(302, { location: 'http://169.254.169.254/' }).end());
    routes.set('/to-localhost', (response) =>
      response.writeHead(307, { location: `http://localhost:${port}/ok` }).end(),
    );
    routes.set('/to-file', (response) => response.writeHead(301, { location: 'file:///etc/passwd' }).end());
    routes.set('/loop', (response) => response.writeHead(302, { location: '/loop' }).end());
  });

  it('are refused by default', async () => {
    await expect(open()(`${base}/to-ok`, { redirect: 'follow' })).rejects.toMatchObject({ code: 'egress_blocked' });
    expect(seen.map(({ url }) => url)).toEqual(['/to-ok']);
  });

  it('are followed where asked for, each one judged anew', async () => {
    const fetch = open({ maxRedirects: 3 });
    const response = await fetch(`${base}/to-ok`);
    expect([response.status, response.url, await response.text()]).toEqual([200, `${base}/ok`, 'ok']);
    for (const path of ['/to-metadata', '/to-localhost', '/to-file'])
      await expect(fetch(base + path)).rejects.toMatchObject({ code: 'egress_blocked' });
    expect(seen.filter(({ url }) => url === '/ok')).toHaveLength(1);
  });

  it('end after the given number, and never repeat a POST', async () => {
    const fetch = open({ maxRedirects: 2 });
    await expect(fetch(`${base}/loop`)).rejects.toMatchObject({ code: 'egress_blocked' });
    expect(seen).toHaveLength(3);
    await expect(fetch(`${base}/to-ok`, { method: 'POST', body: 'x' })).rejects.toMatchObject({
      code: 'egress_blocked',
    });
    expect(seen).toHaveLength(4);
  });

  it('take no credential to another host', async () => {
    const fetch = open({ maxRedirects: 1, allowHosts: ['127.0.0.1', 'localhost'], lookup: answers('127.0.0.1') });
    const headers = { authorization: 'Bearer x', cookie: 'a=b', 'x-api-key': 'k', accept: 'text/plain' };
    await fetch(`${base}/to-localhost`, { headers });
    expect(seen[0]?.headers).toMatchObject(headers);
    expect(seen[1]?.headers).toMatchObject({ accept: 'text/plain' });
    for (const name of ['authorization', 'cookie', 'x-api-key']) expect(seen[1]?.headers).not.toHaveProperty(name);
  });
});

describe('limits', () => {
  it('a server that does not answer', async () => {
    routes.set('/silent', () => {});
    const started = performance.now();
    await expect(open({ timeoutMs: 200 })(`${base}/silent`)).rejects.toMatchObject({ code: 'upstream_timeout' });
    await expect(open()(`${base}/silent`, { timeoutMs: 200 })).rejects.toMatchObject({ code: 'upstream_timeout' });
    expect(performance.now() - started).toBeLessThan(8_000);
    await until(() => closedEarly === 2);
  });

  it('a body that falls silent', async () => {
    routes.set('/stalls', (response) => void response.write('begin'));
    const response = await open({ timeoutMs: 300 })(`${base}/stalls`);
    await expect(response.text()).rejects.toMatchObject({ name: 'AppError', code: 'upstream_timeout' });
    await until(() => closedEarly === 1);
  });

  it('a body that drips for ever', async () => {
    routes.set('/drips', (response) => {
      const timer = setInterval(() => response.write('x'), 20);
      response.on('close', () => clearInterval(timer));
    });
    const response = await open({ timeoutMs: 5_000, totalTimeoutMs: 300 })(`${base}/drips`);
    await expect(response.text()).rejects.toMatchObject({ code: 'upstream_timeout' });
    await until(() => closedEarly === 1);
  });

  it('a body that says that it is too large is not read', async () => {
    routes.set('/declared', (response) => void response.writeHead(200, { 'content-length': '1000000' }).write('x'));
    await expect(open({ maxResponseBytes: 1_000 })(`${base}/declared`)).rejects.toMatchObject({
      code: 'response_too_large',
    });
    await until(() => closedEarly === 1);
  });

  it('a body that does not say how large it is', async () => {
    routes.set('/endless', (response) => {
      const chunk = Buffer.alloc(64 * 1024);
      const more = () => {
        while (!response.destroyed && response.write(chunk));
      };
      response.on('drain', more);
      more();
    });
    const response = await open()(`${base}/endless`, { maxResponseBytes: 1_000_000 });
    await expect(response.arrayBuffer()).rejects.toMatchObject({ code: 'response_too_large' });
    await until(() => closedEarly === 1);
  });

  it('exactly the limit passes', async () => {
    routes.set('/exact', (response) => {
      response.write('x'.repeat(500));
      response.end('y'.repeat(500));
    });
    expect(await (await open({ maxResponseBytes: 1_000 })(`${base}/exact`)).text()).toHaveLength(1_000);
    const response = await open({ maxResponseBytes: 999 })(`${base}/exact`);
    await expect(response.text()).rejects.toMatchObject({ code: 'response_too_large' });
  });

  it('a gzip bomb is counted as it unpacks, in little memory', async () => {
    const bomb = gzipSync(Buffer.alloc(200 * 1024 * 1024));
    routes.set('/bomb', (response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb));
    const before = process.memoryUsage().rss;
    const response = await open()(`${base}/bomb`);
    await expect(response.arrayBuffer()).rejects.toMatchObject({ code: 'response_too_large' });
    expect(process.memoryUsage().rss - before).toBeLessThan(100 * 1024 * 1024);
  });

  it('an unread body holds a bounded part of it in memory', async () => {
    let written = 0;
    routes.set('/unread', (response) => {
      const chunk = Buffer.alloc(64 * 1024);
      const more = () => {
        while (!response.destroyed && written < 64 * 1024 * 1024) {
          written += chunk.length;
          if (!response.write(chunk)) return;
        }
        response.off('drain', more).end();
      };
      response.on('drain', more);
      more();
    });
    const response = await open({ maxResponseBytes: 128 * 1024 * 1024 })(`${base}/unread`);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(written).toBeLessThan(32 * 1024 * 1024);
    expect((await response.arrayBuffer()).byteLength).toBe(64 * 1024 * 1024);
  });
});

describe('failures', () => {
  it.each([
    ['a port where nobody listens', async () => open({ allowHosts: ['127.0.0.1:9'] })('http://127.0.0.1:9/')],
    [
      'a connection that is cut before the answer',
      async () => {
        routes.set('/cut', (response) => void response.socket?.destroy());
        return open()(`${base}/cut`);
      },
    ],
    [
      'a connection that is cut within the body',
      async () => {
        routes.set('/cut-later', (response) => {
          response.writeHead(200, { 'content-length': '100' }).write('x');
          setTimeout(() => response.socket?.destroy(), 30);
        });
        return (await open()(`${base}/cut-later`)).text();
      },
    ],
    [
      'gzip that is none',
      async () => {
        routes.set('/no-gzip', (response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end('plain'));
        return (await open()(`${base}/no-gzip`)).text();
      },
    ],
    [
      'gzip that is cut',
      async () => {
        routes.set('/half-gzip', (response) =>
          response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('x'.repeat(999)).subarray(0, 20)),
        );
        return (await open()(`${base}/half-gzip`)).text();
      },
    ],
    [
      'an unknown coding',
      async () => {
        routes.set('/coding', (response) =>
          response.writeHead(200, { 'content-encoding': 'gzip, gzip, gzip' }).end('x'),
        );
        return open()(`${base}/coding`);
      },
    ],
    [
      'a name that does not exist',
      async () =>
        createSafeFetch({
          lookup: (_host, _options, callback) => callback(Object.assign(new Error('x'), { code: 'ENOTFOUND' }), '', 4),
        })('http://nobody.example/'),
    ],
  ] as [string, () => Promise<unknown>][])(
    '%s is upstream_failed, with a cause and without internals',
    async (_, act) => {
      const error = await act().then(
        () => undefined,
        (thrown: unknown) => thrown as Error,
      );
      expect(error).toMatchObject({ name: 'AppError', code: 'upstream_failed' });
      expect(error?.message).toMatch(/^The .*\.$/);
      expect(error?.message).not.toMatch(/127\.0\.0\.1|ECONN|undici/);
    },
  );

  it.each([
    'NONSENSE\r\n\r\n',
    'HTTP/1.1 999 Odd\r\ncontent-length: 0\r\n\r\n',
    `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(100_000)}\r\n\r\n`,
  ])('an answer that is no HTTP is upstream_failed (%#)', async (text) => {
    const tcp = createTcpServer((socket) =>
      socket
        .on('error', () => {})
        .resume()
        .end(text),
    );
    await new Promise<void>((resolve) => tcp.listen(0, '127.0.0.1', () => resolve()));
    const at = `127.0.0.1:${(tcp.address() as AddressInfo).port}`;
    await expect(open({ allowHosts: [at] })(`http://${at}/`)).rejects.toMatchObject({ code: 'upstream_failed' });
    await new Promise((resolve) => tcp.close(resolve));
  });
});

describe('abort', () => {
  it.each([
    ['before the call', (signal: AbortController) => signal.abort(new Error('mine'))],
    ['before the headers', (signal: AbortController) => void setTimeout(() => signal.abort(new Error('mine')), 50)],
  ])('%s rejects with the reason of the caller', async (_, act) => {
    routes.set('/silent', () => {});
    const abort = new AbortController();
    act(abort);
    await expect(open()(`${base}/silent`, { signal: abort.signal })).rejects.toThrow('mine');
  });

  it('within the body ends the body and the connection', async () => {
    routes.set('/stalls', (response) => void response.write('begin'));
    const abort = new AbortController();
    const response = await open()(`${base}/stalls`, { signal: abort.signal });
    setTimeout(() => abort.abort(), 30);
    await expect(response.text()).rejects.toMatchObject({ name: 'AbortError' });
    await until(() => closedEarly === 1);
  });

  it('while the connection is still being made rejects at once', async () => {
    const fetch = open({ allowHosts: ['slow.example'], lookup: () => {} });
    await expect(fetch('http://slow.example/', { signal: AbortSignal.timeout(50) })).rejects.toMatchObject({
      name: 'TimeoutError',
    });
  });

  it('leaves no listener on a signal that lives longer than the call', async () => {
    const { signal } = new AbortController();
    let listeners = 0;
    const { addEventListener, removeEventListener } = signal;
    signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
      listeners += 1;
      addEventListener.apply(signal, args);
    };
    signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
      listeners -= 1;
      removeEventListener.apply(signal, args);
    };
    await (await open()(base, { signal })).text();
    await open()(`${base}/to-ok`, { signal }).catch(() => {});
    expect(listeners).toBe(0);
  });

  it('a reader that leaves closes the connection', async () => {
    routes.set('/stalls', (response) => void response.write('begin'));
    const response = await open()(`${base}/stalls`);
    const reader = response.body!.getReader();
    await reader.read();
    await reader.cancel();
    await until(() => closedEarly === 1);
  });
});

describe('as a fetch', () => {
  it('sends method, headers and bodies of every kind', async () => {
    const fetch = open();
    await fetch(base, { method: 'post', body: 'text', headers: { 'x-a': '1' } });
    await fetch(base, { method: 'POST', body: new TextEncoder().encode('bytes') });
    await fetch(base, { method: 'POST', body: new URLSearchParams({ a: 'b c' }) });
    await fetch(base, { method: 'POST', body: new Blob(['blob'], { type: 'text/x' }) });
    const form = new FormData();
    form.set('field', 'value');
    await fetch(base, { method: 'POST', body: form });
    const stream = new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode('streamed'));
        controller.close();
      },
    });
    await fetch(base, { method: 'PUT', body: stream, duplex: 'half' } as RequestInit);
    await fetch(new Request(base, { method: 'PATCH', body: 'request', headers: { 'x-b': '2' } }));
    expect(seen.map(({ method, body }) => `${method} ${body.includes('form-data') ? 'form' : body}`)).toEqual([
      'POST text',
      'POST bytes',
      'POST a=b+c',
      'POST blob',
      'POST form',
      'PUT streamed',
      'PATCH request',
    ]);
    expect(seen[0]?.headers).toMatchObject({ 'x-a': '1', 'content-type': 'text/plain;charset=UTF-8', accept: '*/*' });
    expect(seen[2]?.headers['content-type']).toContain('application/x-www-form-urlencoded');
    expect(seen[4]?.headers['content-type']).toContain('multipart/form-data; boundary=');
    expect(seen[6]?.headers['x-b']).toBe('2');
  });

  it('answers status, headers, url and bodiless answers', async () => {
    routes.set('/none', (response) => response.writeHead(204).end());
    routes.set('/teapot', (response) =>
      response.writeHead(418, "I'm a teapot", { 'set-cookie': ['a=1', 'b=2'], 'x-u': 'Ã©' }).end('{"a":1}'),
    );
    const fetch = open({ maxResponseBytes: 10 });
    const none = await fetch(`${base}/none`);
    expect([none.status, none.body]).toEqual([204, null]);
    const teapot = await fetch(`${base}/teapot`);
    expect(teapot).toMatchObject({ status: 418, ok: false, statusText: "I'm a teapot", url: `${base}/teapot` });
    expect(teapot.headers.getSetCookie()).toEqual(['a=1', 'b=2']);
    expect(await teapot.json()).toEqual({ a: 1 });
    expect(teapot).toBeInstanceOf(Response);
    routes.set('/large', (response) => response.writeHead(200, { 'content-length': '1000' }).end());
    const head = await fetch(`${base}/large`, { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
  });

  it.each([
    ['gzip', gzipSync],
    ['br', brotliCompressSync],
  ] as const)('unpacks %s', async (coding, compress) => {
    const text = 'héllo '.repeat(50_000);
    routes.set(`/${coding}`, (response) => response.writeHead(200, { 'content-encoding': coding }).end(compress(text)));
    expect(await (await open()(`${base}/${coding}`)).text()).toBe(text);
    expect(seen[0]?.headers['accept-encoding']).toBe('gzip, br');
  });

  it.each([false, true])('hands chunks on as they come (compressed: %s)', async (compressed) => {
    routes.set('/sse', (response) => {
      response.writeHead(200, {
        'content-type': 'text/event-stream',
        ...(compressed ? { 'content-encoding': 'gzip' } : {}),
      });
      const gzip = createGzip();
      if (compressed) gzip.pipe(response);
      const write = (text: string) => (compressed ? (gzip.write(text), gzip.flush()) : response.write(text));
      write('data: 1\n\n');
      setTimeout(() => write('data: 2\n\n'), 150);
      setTimeout(() => (compressed ? gzip : response).end(), 300);
    });
    const started = performance.now();
    const arrivals: number[] = [];
    let text = '';
    for await (const chunk of (await open()(`${base}/sse`)).body!) {
      arrivals.push(performance.now() - started);
      text += new TextDecoder().decode(chunk as Uint8Array);
    }
    expect(text).toBe('data: 1\n\ndata: 2\n\n');
    expect(arrivals[0]).toBeLessThan(140);
    expect(arrivals[1]).toBeGreaterThan(130);
  });

  it('uses its connections again', async () => {
    const fetch = open();
    for (let n = 0; n < 20; n += 1) await (await fetch(`${base}/ok`)).text();
    expect(seen).toHaveLength(20);
    // A second one is made where the first is still being put back into the pool.
    expect(connections).toBeLessThanOrEqual(2);
  });

  it('answers 300 calls at once over a bounded number of connections', async () => {
    const fetch = open();
    const texts = await Promise.all(Array.from({ length: 300 }, async () => (await fetch(`${base}/ok`)).text()));
    expect(texts.every((text) => text === 'ok')).toBe(true);
    expect(connections).toBeLessThanOrEqual(128);
  });
});
