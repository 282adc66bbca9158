import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { startTelemetry, type Telemetry, withSpan } from '@switchyard/platform';
import { createSafeFetch } from '../src/index.ts';

/** A server to call, and a collector that hears of the calls. */

interface Exported {
  readonly name: string;
  readonly kind: number;
  readonly traceId: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: { key: string; value: { stringValue?: string; intValue?: number } }[];
}

const CLIENT = 3;
const HELD_MS = 150;
const heard: IncomingHttpHeaders[] = [];
const spans: Exported[] = [];
const servers: Server[] = [];
let telemetry: Telemetry;
let collector: string;
let origin: string;

const listening = async (answer: (path: string, response: ServerResponse, body: string) => void): Promise<string> => {
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString('utf8')));
    request.on('end', () => {
      if (request.url !== '/v1/traces') heard.push(request.headers);
      answer(request.url ?? '', response, body);
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
};

beforeAll(async () => {
  collector = await listening((_path, response, body) => {
    const { resourceSpans } = JSON.parse(body) as { resourceSpans: { scopeSpans: { spans: Exported[] }[] }[] };
    spans.push(...resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans)));
    response.end('{}');
  });
  origin = await listening((path, response) => {
    if (path.startsWith('/moved')) return void response.writeHead(302, { location: '/here' }).end();
    if (path.startsWith('/none')) return void response.writeHead(404).end('no');
    response.write('a');
    setTimeout(() => (path.startsWith('/broken') ? response.destroy() : response.end('b')), HELD_MS);
  });
  telemetry = await startTelemetry({ serviceName: 'test', endpoint: collector });
});
afterAll(async () => {
  await telemetry?.shutdown();
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
});

it('each request has a span until its last byte, and carries the trace and nothing else of ours', async () => {
  const fetch = createSafeFetch({ allowHosts: ['127.0.0.1'], maxRedirects: 1 });
  const headers = { traceparent: 'of somebody else', tracestate: 'x=y' };
  await withSpan(
    'tool',
    'outer',
    {},
    async () => {
      await (await fetch(`${origin}/moved?token=s3cret`, { headers })).text();
      await (await fetch(`${origin}/none/Berlin`, { urlTemplate: '/none/{city}' })).text();
      await expect((await fetch(`${origin}/broken`)).text()).rejects.toMatchObject({ code: 'upstream_failed' });
      await expect(fetch('http://127.0.0.1:9/')).rejects.toMatchObject({ code: 'upstream_failed' });
      // Whoever has heard enough leaves; that is no failure.
      const reader = (await fetch(`${origin}/here`)).body!.getReader();
      await reader.read();
      await reader.cancel();
    },
    { about: { runId: 'r1', tenantId: 'acme' } },
  );
  await telemetry.shutdown();

  const { traceId } = spans.find(({ name }) => name === 'outer')!;
  const told = spans
    .filter(({ kind }) => kind === CLIENT)
    .map(({ name, attributes, ...span }) => {
      const { 'url.full': url, ...rest } = Object.fromEntries(
        attributes.map(({ key, value }) => [key, Object.values(value)[0] as unknown]),
      );
      const ms = (Number(span.endTimeUnixNano) - Number(span.startTimeUnixNano)) / 1e6;
      return { name, url: String(url).replace(origin, ''), ms, traceId: span.traceId, attributes: rest };
    });
  const common = { 'http.request.method': 'GET', 'server.address': '127.0.0.1', 'switchyard.run.id': 'r1' };
  expect(told).toMatchObject([
    { name: 'GET', url: '/moved?token=REDACTED', traceId, attributes: { 'http.response.status_code': 302 } },
    { url: '/here', attributes: { ...common, 'http.response.status_code': 200, 'http.request.resend_count': 1 } },
    {
      name: 'GET /none/{city}',
      url: '/none/{city}',
      attributes: { 'url.template': '/none/{city}', 'http.response.status_code': 404, 'error.type': '404' },
    },
    { url: '/broken', attributes: { 'http.response.status_code': 200, 'error.type': 'upstream_failed' } },
    { url: 'http://127.0.0.1:9/', attributes: { 'server.port': 9, 'error.type': 'upstream_failed' } },
    { url: '/here', attributes: { 'http.response.status_code': 200 } },
  ]);
  expect(told[1]!.ms).toBeGreaterThanOrEqual(HELD_MS - 5);
  expect(told[5]!.attributes).not.toHaveProperty('error.type');
  for (const { traceparent, tracestate, baggage } of heard) {
    expect(traceparent).toMatch(new RegExp(`^00-${traceId}-[0-9a-f]{16}-01$`));
    expect([tracestate, baggage]).toEqual([undefined, undefined]);
  }
  expect(new Set(heard.map(({ traceparent }) => traceparent)).size).toBe(heard.length);
});
