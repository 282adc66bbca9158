import type { LookupFunction } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createLogger } from '@switchyard/platform';
import { Agent } from 'undici';
import { Blocked } from '../src/failure.ts';
import { guardedConnect } from '../src/guarded-connect.ts';
import { createSafeFetch, parseServiceMap } from '../src/index.ts';
import { answers, TestServer } from './test-server.ts';

let server: TestServer;

beforeAll(async () => {
  server = await TestServer.start();
});
beforeEach(() => server.forget());
afterAll(() => server?.stop());

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
    await expect(createSafeFetch()(`${origin}:${server.port}/canary`)).rejects.toMatchObject({
      code: 'egress_blocked',
    });
    expect(server.connections).toBe(0);
  });

  it.each([
    ['a private address', ['127.0.0.1']],
    ['a private address among public ones', ['93.184.215.14', '127.0.0.1']],
    ['an IPv6 form of it', ['::ffff:127.0.0.1']],
    ['the metadata service', ['169.254.169.254']],
    ['nothing', []],
  ])('refuses a name that leads to %s', async (_, addresses) => {
    const fetch = createSafeFetch({ lookup: answers(...addresses) });
    await expect(fetch(`http://rebind.example:${server.port}/`)).rejects.toMatchObject({ code: 'egress_blocked' });
    expect(server.connections).toBe(0);
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
      agent
        .request({ origin: `http://rebind.example:${server.port}`, path: '/', method: 'GET' })
        .then(resolve, resolve);
    });
    expect(outcome).not.toHaveProperty('statusCode');
    expect([asked.length, server.connections]).toEqual([1, 0]);
    await agent.destroy();
    await expect(createSafeFetch({ lookup: rebinding })(`http://rebind.example:${server.port}/`)).rejects.toMatchObject(
      {
        code: 'egress_blocked',
      },
    );
    expect(server.connections).toBe(0);
  });

  it('looks at the peer once more when it is connected', async () => {
    let asked = 0;
    const agent = new Agent({ connect: guardedConnect(() => (asked += 1) === 1, answers('127.0.0.1')) });
    await expect(
      agent.request({ origin: `http://rebind.example:${server.port}`, path: '/', method: 'GET' }),
    ).rejects.toBeInstanceOf(Blocked);
    expect(asked).toBe(2);
    expect(server.seen).toEqual([]);
    await agent.destroy();
  });

  it.each(['file:///etc/passwd', 'ftp://example.org/', 'not a url', 'http://u:p@example.org/', ''])(
    'refuses %j',
    async (url) => {
      await expect(server.open()(url)).rejects.toMatchObject({ name: 'AppError', code: 'egress_blocked' });
    },
  );

  it('does not use the proxy of the environment', async () => {
    process.env['HTTP_PROXY'] = process.env['http_proxy'] = server.base;
    try {
      await expect(createSafeFetch({ lookup: answers('127.0.0.1') })('http://x.example/')).rejects.toMatchObject({
        code: 'egress_blocked',
      });
      expect(server.connections).toBe(0);
    } finally {
      delete process.env['HTTP_PROXY'];
      delete process.env['http_proxy'];
    }
  });

  it('tells the log which host, never path or query', async () => {
    const lines: string[] = [];
    const destination = { write: (line: string) => void lines.push(line) };
    const fetch = createSafeFetch({ log: createLogger({ app: 'test', level: 'info', destination }) });
    await expect(fetch('http://10.0.0.1/secret?token=hunter2')).rejects.toThrow();
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      expect.objectContaining({
        event: 'outbound_call_refused',
        host: '10.0.0.1:80',
        err: expect.objectContaining({ code: 'egress_blocked' }),
      }),
    ]);
    expect(lines.join('')).not.toMatch(/secret|hunter2/);
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
      await expect(fetch(`${origin}:${server.port}/`)).rejects.toMatchObject({
        code: 'unavailable',
        message: expect.stringContaining('XMPP'),
      });
      expect(server.connections).toBe(0);
    },
  );

  it('a router that fails does not open the way to the network', async () => {
    const route = () => {
      throw new Error('broken');
    };
    await expect(server.open({ route })(server.base)).rejects.toMatchObject({ code: 'unavailable' });
    expect(server.connections).toBe(0);
  });
});

describe('redirects', () => {
  beforeAll(() => {
    server.routes.set('/to-ok', (response) => response.writeHead(302, { location: '/ok' }).end());
    server.routes.set('/to-metadata', (response) =>
      response.writeHead(302, { location: 'http://169.254.169.254/' }).end(),
    );
    server.routes.set('/to-localhost', (response) =>
      response.writeHead(307, { location: `http://localhost:${server.port}/ok` }).end(),
    );
    server.routes.set('/to-file', (response) => response.writeHead(301, { location: 'file:///etc/passwd' }).end());
    server.routes.set('/loop', (response) => response.writeHead(302, { location: '/loop' }).end());
  });

  it('are refused by default', async () => {
    await expect(server.open()(`${server.base}/to-ok`, { redirect: 'follow' })).rejects.toMatchObject({
      code: 'egress_blocked',
    });
    expect(server.seen.map(({ url }) => url)).toEqual(['/to-ok']);
  });

  it('are followed where asked for, each one judged anew', async () => {
    const fetch = server.open({ maxRedirects: 3 });
    const response = await fetch(`${server.base}/to-ok`);
    expect([response.status, response.url, await response.text()]).toEqual([200, `${server.base}/ok`, 'ok']);
    for (const path of ['/to-metadata', '/to-localhost', '/to-file'])
      await expect(fetch(server.base + path)).rejects.toMatchObject({ code: 'egress_blocked' });
    expect(server.seen.filter(({ url }) => url === '/ok')).toHaveLength(1);
  });

  it('end after the given number, and never repeat a POST', async () => {
    const fetch = server.open({ maxRedirects: 2 });
    await expect(fetch(`${server.base}/loop`)).rejects.toMatchObject({ code: 'egress_blocked' });
    expect(server.seen).toHaveLength(3);
    await expect(fetch(`${server.base}/to-ok`, { method: 'POST', body: 'x' })).rejects.toMatchObject({
      code: 'egress_blocked',
    });
    expect(server.seen).toHaveLength(4);
  });

  it('take no credential to another host', async () => {
    const fetch = server.open({
      maxRedirects: 1,
      allowHosts: ['127.0.0.1', 'localhost'],
      lookup: answers('127.0.0.1'),
    });
    const headers = { authorization: 'Bearer x', cookie: 'a=b', 'x-api-key': 'k', accept: 'text/plain' };
    await fetch(`${server.base}/to-localhost`, { headers });
    expect(server.seen[0]?.headers).toMatchObject(headers);
    expect(server.seen[1]?.headers).toMatchObject({ accept: 'text/plain' });
    for (const name of ['authorization', 'cookie', 'x-api-key'])
      expect(server.seen[1]?.headers).not.toHaveProperty(name);
  });
});
