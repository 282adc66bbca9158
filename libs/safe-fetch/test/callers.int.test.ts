import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Request as UndiciRequest } from 'undici';
import { createSafeFetch, type SafeFetch, type SafeFetchOptions } from '../src/index.ts';

const seen: { url: string; headers: IncomingHttpHeaders; body: string }[] = [];
const server = createServer((request, response) => {
  let body = '';
  request.on('data', (chunk: Buffer) => (body += chunk.toString('utf8')));
  request.on('end', () => {
    seen.push({ url: request.url ?? '', headers: request.headers, body });
    if (request.url === '/large') return void response.end(Buffer.alloc(3 * 1024 * 1024, 'x'));
    if (request.url === '/slow') return void setTimeout(() => response.end('late'), 100);
    response.end('{"ok":true}');
  });
});
let base = '';
let open: (options?: SafeFetchOptions) => SafeFetch;

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  base = `http://${host}`;
  open = (options = {}) => createSafeFetch({ allowHosts: [host], timeoutMs: 20_000, ...options });
});
beforeEach(() => void (seen.length = 0));
afterAll(() => {
  server.closeAllConnections();
  return new Promise<void>((resolve) => void server.close(() => resolve()));
});

describe('what a caller may bring', () => {
  it('no Host of its own: the host that was judged is the host that is called', async () => {
    await open()(base, { headers: { host: 'agent.example', 'x-a': '1' } });
    await open()(new Request(base, { headers: { host: 'agent.example' } }));
    expect(seen.map(({ headers }) => headers.host)).toEqual([new URL(base).host, new URL(base).host]);
    expect(seen[0]?.headers).toMatchObject({ 'x-a': '1' });
  });

  it.each([
    ['content-length', '2'],
    ['transfer-encoding', 'chunked'],
    ['expect', '100-continue'],
    ['upgrade', 'h2c'],
    ['connection', 'close'],
  ])('no %s: where a message ends is not for it to say', async (name, value) => {
    const response = await open()(base, { method: 'POST', body: 'abcd', headers: { [name]: value } });
    expect([response.status, seen[0]?.body, seen[0]?.headers['content-length']]).toEqual([200, 'abcd', '4']);
  });

  it('no header with a line break in it', async () => {
    await expect(open()(base, { headers: { a: 'b\r\nhost: x' } })).rejects.toMatchObject({ code: 'egress_blocked' });
    expect(seen).toEqual([]);
  });

  it('a Request of undici, whose classes are not those of the platform', async () => {
    const request = new UndiciRequest(base, { method: 'POST', body: 'text', headers: { 'x-b': '2' } });
    // Two libraries declare the same type, which TypeScript takes for two.
    const response = await open()(request as unknown as Request);
    expect(response).toBeInstanceOf(Response);
    expect([seen[0]?.body, seen[0]?.headers['x-b']]).toEqual(['text', '2']);
  });

  it('a copy of the answer', async () => {
    const response = await open()(base);
    expect(await response.clone().json()).toEqual({ ok: true });
    expect(await response.json()).toEqual({ ok: true });
  });

  it('time: a reader that is slower than the limit for silence gets the whole body', async () => {
    const response = await open({ timeoutMs: 2_000 })(`${base}/large`);
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    expect((await response.arrayBuffer()).byteLength).toBe(3 * 1024 * 1024);
  });

  it('an abort while its call still waits for a free connection: the request is never sent', async () => {
    const fetch = open();
    const busy = Array.from({ length: 128 }, async () => (await fetch(`${base}/slow`)).text());
    const abort = new AbortController();
    const waiting = fetch(`${base}/never`, { signal: abort.signal });
    setTimeout(() => abort.abort(new Error('mine')), 10);
    await expect(waiting).rejects.toThrow('mine');
    await Promise.all(busy);
    await (await fetch(base)).text();
    expect(seen.map(({ url }) => url)).not.toContain('/never');
  });
});
