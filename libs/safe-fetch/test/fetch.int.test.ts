import { brotliCompressSync, createGzip, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { TestServer } from './test-server.ts';

let server: TestServer;

beforeAll(async () => {
  server = await TestServer.start();
});
beforeEach(() => server.forget());
afterAll(() => server?.stop());

describe('as a fetch', () => {
  it('sends method, headers and bodies of every kind', async () => {
    const fetch = server.open();
    await fetch(server.base, { method: 'post', body: 'text', headers: { 'x-a': '1' } });
    await fetch(server.base, { method: 'POST', body: new TextEncoder().encode('bytes') });
    await fetch(server.base, { method: 'POST', body: new URLSearchParams({ a: 'b c' }) });
    await fetch(server.base, { method: 'POST', body: new Blob(['blob'], { type: 'text/x' }) });
    const form = new FormData();
    form.set('field', 'value');
    await fetch(server.base, { method: 'POST', body: form });
    const stream = new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode('streamed'));
        controller.close();
      },
    });
    await fetch(server.base, { method: 'PUT', body: stream, duplex: 'half' } as RequestInit);
    await fetch(new Request(server.base, { method: 'PATCH', body: 'request', headers: { 'x-b': '2' } }));
    expect(server.seen.map(({ method, body }) => `${method} ${body.includes('form-data') ? 'form' : body}`)).toEqual([
      'POST text',
      'POST bytes',
      'POST a=b+c',
      'POST blob',
      'POST form',
      'PUT streamed',
      'PATCH request',
    ]);
    expect(server.seen[0]?.headers).toMatchObject({
      'x-a': '1',
      'content-type': 'text/plain;charset=UTF-8',
      accept: '*/*',
    });
    expect(server.seen[2]?.headers['content-type']).toContain('application/x-www-form-urlencoded');
    expect(server.seen[4]?.headers['content-type']).toContain('multipart/form-data; boundary=');
    expect(server.seen[6]?.headers['x-b']).toBe('2');
  });

  it('answers status, headers, url and bodiless answers', async () => {
    server.routes.set('/none', (response) => response.writeHead(204).end());
    server.routes.set('/teapot', (response) =>
      response.writeHead(418, "I'm a teapot", { 'set-cookie': ['a=1', 'b=2'], 'x-u': 'Ã©' }).end('{"a":1}'),
    );
    const fetch = server.open({ maxResponseBytes: 10 });
    const none = await fetch(`${server.base}/none`);
    expect([none.status, none.body]).toEqual([204, null]);
    const teapot = await fetch(`${server.base}/teapot`);
    expect(teapot).toMatchObject({ status: 418, ok: false, statusText: "I'm a teapot", url: `${server.base}/teapot` });
    expect(teapot.headers.getSetCookie()).toEqual(['a=1', 'b=2']);
    expect(await teapot.json()).toEqual({ a: 1 });
    expect(teapot).toBeInstanceOf(Response);
    server.routes.set('/large', (response) => response.writeHead(200, { 'content-length': '1000' }).end());
    const head = await fetch(`${server.base}/large`, { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
  });

  it.each([
    ['gzip', gzipSync],
    ['br', brotliCompressSync],
  ] as const)('unpacks %s', async (coding, compress) => {
    const text = 'héllo '.repeat(50_000);
    server.routes.set(`/${coding}`, (response) =>
      response.writeHead(200, { 'content-encoding': coding }).end(compress(text)),
    );
    expect(await (await server.open()(`${server.base}/${coding}`)).text()).toBe(text);
    expect(server.seen[0]?.headers['accept-encoding']).toBe('gzip, br');
  });

  it.each([false, true])('hands chunks on as they come (compressed: %s)', async (compressed) => {
    let goOn = (): void => undefined;
    server.routes.set('/sse', (response) => {
      response.writeHead(200, {
        'content-type': 'text/event-stream',
        ...(compressed ? { 'content-encoding': 'gzip' } : {}),
      });
      const gzip = createGzip();
      if (compressed) gzip.pipe(response);
      const write = (text: string) => (compressed ? (gzip.write(text), gzip.flush()) : response.write(text));
      write('data: 1\n\n');
      // The second is written once the first has arrived.
      goOn = () => {
        write('data: 2\n\n');
        (compressed ? gzip : response).end();
      };
    });
    let text = '';
    for await (const chunk of (await server.open()(`${server.base}/sse`)).body!) {
      text += new TextDecoder().decode(chunk as Uint8Array);
      if (text === 'data: 1\n\n') goOn();
    }
    expect(text).toBe('data: 1\n\ndata: 2\n\n');
  });

  it('uses its connections again', async () => {
    const fetch = server.open();
    for (let n = 0; n < 20; n += 1) await (await fetch(`${server.base}/ok`)).text();
    expect(server.seen).toHaveLength(20);
    // A second one is made where the first is still being put back into the pool.
    expect(server.connections).toBeLessThanOrEqual(2);
  });

  it('answers 300 calls at once over a bounded number of connections', async () => {
    const fetch = server.open();
    const texts = await Promise.all(Array.from({ length: 300 }, async () => (await fetch(`${server.base}/ok`)).text()));
    expect(texts.every((text) => text === 'ok')).toBe(true);
    expect(server.connections).toBeLessThanOrEqual(128);
  });
});
