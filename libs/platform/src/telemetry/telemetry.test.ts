import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  errorType,
  injectTrace,
  openSpan,
  telemetryEnabled,
  withoutTrace,
  withRemoteTrace,
  withSpan,
} from './open-span.ts';
import { startTelemetry } from './telemetry.ts';

const PARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const UNSAMPLED = '00-1af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00';

interface Exported {
  readonly name: string;
  readonly kind: number;
  readonly traceId: string;
  readonly parentSpanId?: string;
  readonly status: { readonly code: number };
  readonly links: { readonly traceId: string; readonly attributes: Pairs }[];
  readonly attributes: Pairs;
}
type Pairs = { key: string; value: { stringValue?: string } }[];

const bodies: string[] = [];
const spans: Exported[] = [];
const resource = new Map<string, unknown>();
const collector = createServer((request, response) => {
  let body = '';
  request.on('data', (chunk: Buffer) => (body += chunk.toString('utf8')));
  request.on('end', () => {
    bodies.push(`${request.url} ${body}`);
    const told = JSON.parse(body) as {
      resourceSpans: { resource: { attributes: Pairs }; scopeSpans: { spans: Exported[] }[] }[];
    };
    for (const { resource: of, scopeSpans } of told.resourceSpans) {
      for (const { key, value } of of.attributes) resource.set(key, value.stringValue);
      spans.push(...scopeSpans.flatMap((scope) => scope.spans));
    }
    response.end('{}');
  });
});
const attributesOf = (name: string) =>
  Object.fromEntries(
    spans.find((span) => span.name === name)!.attributes.map(({ key, value }) => [key, value.stringValue]),
  );

beforeAll(() => new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', () => resolve())));
afterAll(() => void collector.close());

describe('without an endpoint', () => {
  it('spans cost nothing and carry nothing', async () => {
    const telemetry = await startTelemetry({ serviceName: 'x' });
    expect(telemetryEnabled()).toBe(false);
    expect(await withSpan('workflow', 's', {}, () => Promise.resolve(injectTrace()))).toEqual({});
    expect(withRemoteTrace({ traceparent: PARENT }, () => 1)).toBe(1);
    expect(openSpan('ask', 's', {})).toBe(openSpan('chat', 't', {}));
    // The best of some rounds: a busy machine slows single ones.
    const rounds = Array.from({ length: 8 }, () => {
      const started = performance.now();
      for (let n = 0; n < 2_000; n += 1) void withSpan('workflow', 's', {}, () => Promise.resolve());
      return performance.now() - started;
    });
    expect(Math.min(...rounds)).toBeLessThan(1_000);
    await telemetry.shutdown();
  });
});

describe('with an endpoint', () => {
  it('a remote trace goes on through spans and out again as W3C traceparent, and is exported', async () => {
    process.env['OTEL_RESOURCE_ATTRIBUTES'] = 'deployment.environment.name=staging,service.name=other';
    const { port } = collector.address() as AddressInfo;
    const telemetry = await startTelemetry({ serviceName: 'svc-under-test', endpoint: `http://127.0.0.1:${port}/` });
    const about = { runId: 'run-1', tenantId: 'acme' };
    const out = await withRemoteTrace({ traceparent: PARENT }, () =>
      withSpan('answer', 'outer', { a: 1, long: 'x'.repeat(9_000) }, () => Promise.resolve(injectTrace()), { about }),
    );
    expect(out.traceparent).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-[0-9a-f]{16}-01$/);
    expect(out.traceparent).not.toBe(PARENT);
    // Over the bus the ids go with it.
    await withRemoteTrace(out, () => withSpan('tool', 'inner', {}, () => Promise.resolve()));
    await expect(
      withSpan('chat', 'fails', {}, () => Promise.reject(Object.assign(new Error('secret text'), { code: 'E_X' }))),
    ).rejects.toThrow('secret text');
    const links = [
      { to: PARENT, as: 'accepted' },
      { to: undefined, as: 'woken' },
    ];
    await withRemoteTrace({ traceparent: PARENT }, async () => {
      await withSpan('workflow', 'goes on', {}, () => Promise.resolve(), { links });
      await withoutTrace(() => withSpan('ask', 'alone', {}, () => Promise.resolve()));
    });
    await withSpan('workflow', 'unseen', {}, () => Promise.resolve(), { links: [{ to: UNSAMPLED }] });
    expect(withRemoteTrace({ traceparent: 'not a traceparent' }, () => injectTrace())).toEqual({});
    await telemetry.shutdown();
    delete process.env['OTEL_RESOURCE_ATTRIBUTES'];

    expect(bodies.join('\n')).toMatch(/^\/v1\/traces /);
    expect(bodies.join('\n')).not.toContain('secret text');
    const named = (name: string) => spans.find((span) => span.name === name);
    expect(named('outer')).toMatchObject({ kind: 5, traceId: PARENT.slice(3, 35), parentSpanId: PARENT.slice(36, 52) });
    expect(attributesOf('outer')['long']).toHaveLength(256);
    for (const name of ['outer', 'inner'])
      expect(attributesOf(name)).toMatchObject({ 'switchyard.run.id': 'run-1', 'switchyard.tenant.id': 'acme' });
    expect(named('inner')!.traceId).toBe(PARENT.slice(3, 35));
    expect(attributesOf('fails')).toMatchObject({ 'error.type': 'E_X' });
    expect(named('fails')).toMatchObject({ kind: 3, status: { code: 2 } });
    // It goes on in a trace of its own, which knows where it comes from.
    expect(named('goes on')!.traceId).not.toBe(PARENT.slice(3, 35));
    expect(named('goes on')!.parentSpanId).toBeUndefined();
    expect(named('goes on')!.links).toMatchObject([
      { traceId: PARENT.slice(3, 35), attributes: [{ key: 'switchyard.link', value: { stringValue: 'accepted' } }] },
    ]);
    expect(named('alone')!.traceId).not.toBe(PARENT.slice(3, 35));
    // What nobody recorded at its beginning is not recorded when it goes on.
    expect(named('unseen')).toBeUndefined();
    expect(Object.fromEntries(resource)).toMatchObject({
      'service.name': 'svc-under-test',
      'service.namespace': 'switchyard',
      'service.version': expect.stringMatching(/^\d+\.\d+\.\d+$/),
      'service.instance.id': expect.stringMatching(/^[0-9a-f-]{36}$/),
      'deployment.environment.name': 'staging',
      'telemetry.sdk.name': 'opentelemetry',
      'telemetry.sdk.language': 'nodejs',
    });
    expect(telemetryEnabled()).toBe(false);
  });

  it('stops in order when the collector is away', async () => {
    const telemetry = await startTelemetry({ serviceName: 'x', endpoint: 'http://127.0.0.1:9' });
    await withSpan('workflow', 's', {}, () => Promise.resolve());
    await expect(telemetry.shutdown()).resolves.toBeUndefined();
  });
});

describe('the type of an error', () => {
  it.each([
    [Object.assign(new Error('x'), { code: 'upstream_timeout' }), 'upstream_timeout'],
    [new DOMException('x', 'AbortError'), 'AbortError'],
    ['503', '503'],
    [new Error('what somebody wrote'), '_OTHER'],
    [Object.assign(new Error('x'), { code: 'what somebody wrote' }), '_OTHER'],
    ['what somebody wrote', '_OTHER'],
    [undefined, '_OTHER'],
  ])('%s is %s', (error, type) => expect(errorType(error)).toBe(type));
});
