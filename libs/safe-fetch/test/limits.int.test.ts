import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { until } from '@switchyard/testing';
import { createSafeFetch } from '../src/index.ts';
import { TestServer } from './test-server.ts';

let server: TestServer;

beforeAll(async () => {
  server = await TestServer.start();
});
beforeEach(() => server.forget());
afterAll(() => server?.stop());

describe('limits', () => {
  it('a server that does not answer', async () => {
    server.routes.set('/silent', () => {});
    const started = performance.now();
    await expect(server.open({ timeoutMs: 800 })(`${server.base}/silent`)).rejects.toMatchObject({
      code: 'upstream_timeout',
    });
    await expect(server.open()(`${server.base}/silent`, { timeoutMs: 800 })).rejects.toMatchObject({
      code: 'upstream_timeout',
    });
    expect(performance.now() - started).toBeLessThan(15_000);
    await until(() => server.closedEarly === 2);
  });

  it('a body that falls silent', async () => {
    server.routes.set('/stalls', (response) => void response.write('begin'));
    const response = await server.open({ timeoutMs: 2_000 })(`${server.base}/stalls`);
    await expect(response.text()).rejects.toMatchObject({ name: 'AppError', code: 'upstream_timeout' });
    await until(() => server.closedEarly === 1);
  });

  it('a body that drips for ever', async () => {
    server.routes.set('/drips', (response) => {
      const timer = setInterval(() => response.write('x'), 20);
      response.on('close', () => clearInterval(timer));
    });
    const response = await server.open({ timeoutMs: 20_000, totalTimeoutMs: 2_000 })(`${server.base}/drips`);
    await expect(response.text()).rejects.toMatchObject({ code: 'upstream_timeout' });
    await until(() => server.closedEarly === 1);
  });

  it('a body that says that it is too large is not read', async () => {
    server.routes.set(
      '/declared',
      (response) => void response.writeHead(200, { 'content-length': '1000000' }).write('x'),
    );
    await expect(server.open({ maxResponseBytes: 1_000 })(`${server.base}/declared`)).rejects.toMatchObject({
      code: 'response_too_large',
    });
    await until(() => server.closedEarly === 1);
  });

  it('a body that does not say how large it is', async () => {
    server.routes.set('/endless', (response) => {
      const chunk = Buffer.alloc(64 * 1024);
      const more = () => {
        while (!response.destroyed && response.write(chunk));
      };
      response.on('drain', more);
      more();
    });
    const response = await server.open()(`${server.base}/endless`, { maxResponseBytes: 1_000_000 });
    await expect(response.arrayBuffer()).rejects.toMatchObject({ code: 'response_too_large' });
    await until(() => server.closedEarly === 1);
  });

  it('exactly the limit passes', async () => {
    server.routes.set('/exact', (response) => {
      response.write('x'.repeat(500));
      response.end('y'.repeat(500));
    });
    expect(await (await server.open({ maxResponseBytes: 1_000 })(`${server.base}/exact`)).text()).toHaveLength(1_000);
    const response = await server.open({ maxResponseBytes: 999 })(`${server.base}/exact`);
    await expect(response.text()).rejects.toMatchObject({ code: 'response_too_large' });
  });

  it('a gzip bomb is counted as it unpacks, in little memory', async () => {
    const bomb = gzipSync(Buffer.alloc(200 * 1024 * 1024));
    server.routes.set('/bomb', (response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb));
    const before = process.memoryUsage().rss;
    const response = await server.open()(`${server.base}/bomb`);
    await expect(response.arrayBuffer()).rejects.toMatchObject({ code: 'response_too_large' });
    expect(process.memoryUsage().rss - before).toBeLessThan(100 * 1024 * 1024);
  });

  it('an unread body holds a bounded part of it in memory', async () => {
    let written = 0;
    server.routes.set('/unread', (response) => {
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
    const response = await server.open({ maxResponseBytes: 128 * 1024 * 1024 })(`${server.base}/unread`);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(written).toBeLessThan(32 * 1024 * 1024);
    expect((await response.arrayBuffer()).byteLength).toBe(64 * 1024 * 1024);
  });
});

describe('failures', () => {
  it.each([
    ['a port where nobody listens', async () => server.open({ allowHosts: ['127.0.0.1:9'] })('http://127.0.0.1:9/')],
    [
      'a connection that is cut before the answer',
      async () => {
        server.routes.set('/cut', (response) => void response.socket?.destroy());
        return server.open()(`${server.base}/cut`);
      },
    ],
    [
      'a connection that is cut within the body',
      async () => {
        server.routes.set('/cut-later', (response) => {
          response.writeHead(200, { 'content-length': '100' }).write('x');
          setTimeout(() => response.socket?.destroy(), 30);
        });
        return (await server.open()(`${server.base}/cut-later`)).text();
      },
    ],
    [
      'gzip that is none',
      async () => {
        server.routes.set('/no-gzip', (response) =>
          response.writeHead(200, { 'content-encoding': 'gzip' }).end('plain'),
        );
        return (await server.open()(`${server.base}/no-gzip`)).text();
      },
    ],
    [
      'gzip that is cut',
      async () => {
        server.routes.set('/half-gzip', (response) =>
          response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('x'.repeat(999)).subarray(0, 20)),
        );
        return (await server.open()(`${server.base}/half-gzip`)).text();
      },
    ],
    [
      'an unknown coding',
      async () => {
        server.routes.set('/coding', (response) =>
          response.writeHead(200, { 'content-encoding': 'gzip, gzip, gzip' }).end('x'),
        );
        return server.open()(`${server.base}/coding`);
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
    await expect(server.open({ allowHosts: [at] })(`http://${at}/`)).rejects.toMatchObject({ code: 'upstream_failed' });
    await new Promise((resolve) => tcp.close(resolve));
  });
});

describe('abort', () => {
  it.each([
    ['before the call', (signal: AbortController) => signal.abort(new Error('mine'))],
    ['before the headers', (signal: AbortController) => void setTimeout(() => signal.abort(new Error('mine')), 50)],
  ])('%s rejects with the reason of the caller', async (_, act) => {
    server.routes.set('/silent', () => {});
    const abort = new AbortController();
    act(abort);
    await expect(server.open()(`${server.base}/silent`, { signal: abort.signal })).rejects.toThrow('mine');
  });

  it('within the body ends the body and the connection', async () => {
    server.routes.set('/stalls', (response) => void response.write('begin'));
    const abort = new AbortController();
    const response = await server.open()(`${server.base}/stalls`, { signal: abort.signal });
    setTimeout(() => abort.abort(), 30);
    await expect(response.text()).rejects.toMatchObject({ name: 'AbortError' });
    await until(() => server.closedEarly === 1);
  });

  it('while the connection is still being made rejects at once', async () => {
    const fetch = server.open({ allowHosts: ['slow.example'], lookup: () => {} });
    await expect(fetch('http://slow.example/', { signal: AbortSignal.timeout(50) })).rejects.toMatchObject({
      name: 'TimeoutError',
    });
  });

  it('leaves no listener on a signal that lives longer than the call', async () => {
    server.routes.set('/to-ok', (response) => response.writeHead(302, { location: '/ok' }).end());
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
    await (await server.open()(server.base, { signal })).text();
    await server
      .open()(`${server.base}/to-ok`, { signal })
      .catch(() => {});
    expect(listeners).toBe(0);
  });

  it('a reader that leaves closes the connection', async () => {
    server.routes.set('/stalls', (response) => void response.write('begin'));
    const response = await server.open()(`${server.base}/stalls`);
    const reader = response.body!.getReader();
    await reader.read();
    await reader.cancel();
    await until(() => server.closedEarly === 1);
  });
});
