import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { injectTrace, startTelemetry, telemetryEnabled, withRemoteTrace, withSpan } from './telemetry.ts';

const PARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const bodies: string[] = [];
const collector = createServer((request, response) => {
  let body = '';
  request.on('data', (chunk: Buffer) => (body += chunk.toString('utf8')));
  request.on('end', () => {
    bodies.push(`${request.url} ${body}`);
    response.end('{}');
  });
});

beforeAll(() => new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', () => resolve())));
afterAll(() => void collector.close());

describe('without an endpoint', () => {
  it('spans cost nothing and carry nothing', async () => {
    const telemetry = await startTelemetry({ serviceName: 'x' });
    expect(telemetryEnabled()).toBe(false);
    expect(await withSpan('s', {}, () => Promise.resolve(injectTrace()))).toBeUndefined();
    expect(withRemoteTrace(PARENT, () => 1)).toBe(1);
    // The best of some rounds: a busy machine slows single ones.
    const rounds = Array.from({ length: 8 }, () => {
      const started = performance.now();
      for (let n = 0; n < 2_000; n += 1) void withSpan('s', {}, () => Promise.resolve());
      return performance.now() - started;
    });
    expect(Math.min(...rounds)).toBeLessThan(1_000);
    await telemetry.shutdown();
  });
});

describe('with an endpoint', () => {
  it('a remote trace goes on through spans and out again as W3C traceparent, and is exported', async () => {
    const { port } = collector.address() as AddressInfo;
    const telemetry = await startTelemetry({ serviceName: 'svc-under-test', endpoint: `http://127.0.0.1:${port}/` });
    const out = await withRemoteTrace(PARENT, () => withSpan('outer', { a: 1 }, () => Promise.resolve(injectTrace())));
    expect(out).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-[0-9a-f]{16}-01$/);
    expect(out).not.toBe(PARENT);
    await expect(
      withSpan('fails', {}, () => Promise.reject(Object.assign(new Error('secret text'), { code: 'E_X' })), {
        parent: PARENT,
      }),
    ).rejects.toThrow('secret text');
    expect(withRemoteTrace('not a traceparent', () => injectTrace())).toBeUndefined();
    await telemetry.shutdown();
    const exported = bodies.join('\n');
    expect(exported).toMatch(/^\/v1\/traces /);
    for (const part of ['svc-under-test', 'outer', 'fails', 'E_X', '0af7651916cd43dd8448eb211c80319c'])
      expect(exported).toContain(part);
    expect(exported).not.toContain('secret text');
    expect(telemetryEnabled()).toBe(false);
  });

  it('stops in order when the collector is away', async () => {
    const telemetry = await startTelemetry({ serviceName: 'x', endpoint: 'http://127.0.0.1:9' });
    await withSpan('s', {}, () => Promise.resolve());
    await expect(telemetry.shutdown()).resolves.toBeUndefined();
  });
});
