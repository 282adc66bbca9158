import { afterEach, describe, expect, it } from '@jest/globals';
import { HealthChecks, type OpsServer, startOpsServer } from './health.ts';
import { createMetrics, type Metrics } from './metrics.ts';

const started: OpsServer[] = [];
afterEach(async () => {
  await Promise.all(started.splice(0).map((server) => server.stop()));
});

async function ops(health = new HealthChecks(), metrics: Metrics = createMetrics('test')) {
  const server = await startOpsServer({ port: 0, host: '127.0.0.1', health, metrics });
  started.push(server);
  return async (path: string, init?: RequestInit) => {
    const response = await fetch(`http://127.0.0.1:${server.port}${path}`, init);
    return { status: response.status, text: await response.text(), type: response.headers.get('content-type') };
  };
}

describe('readiness', () => {
  it('is not claimed by a service that is still starting, whatever its checks say', async () => {
    const health = new HealthChecks();
    health.register('nats', () => Promise.resolve({ ok: true }));
    health.starting();
    const ask = await ops(health);
    expect(await ask('/readiness')).toMatchObject({ status: 503, text: expect.stringContaining('still starting') });
    health.started();
    expect(await ask('/readiness')).toMatchObject({ status: 200, text: expect.not.stringContaining('start') });
  });

  it('names each dependency and what is wrong with it', async () => {
    const health = new HealthChecks();
    health.register('nats', () => Promise.resolve({ ok: false, detail: 'Not connected.' }));
    health.register('redis', () => Promise.resolve({ ok: false, detail: 'Away.' }), { required: false });
    health.register('postgres', () => Promise.reject(new Error('postgres://u:p@h')));
    health.register('sync', () => {
      throw new Error('inside');
    });
    const { status, text } = await (await ops(health))('/readiness');
    expect(status).toBe(503);
    expect(JSON.parse(text)).toEqual({
      status: 'not_ready',
      checks: {
        nats: { ok: false, detail: 'Not connected.', required: true },
        redis: { ok: false, detail: 'Away.', required: false },
        postgres: { ok: false, detail: 'The check failed; the log says why.', required: true },
        sync: { ok: false, detail: 'The check failed; the log says why.', required: true },
      },
    });
  });

  it('does not depend on what is not required', async () => {
    const health = new HealthChecks();
    health.register('redis', () => Promise.resolve({ ok: false }), { required: false });
    expect(await (await ops(health))('/readiness')).toMatchObject({ status: 200 });
  });

  it('fails while the service drains', async () => {
    const health = new HealthChecks();
    const get = await ops(health);
    expect((await get('/readiness')).status).toBe(200);
    health.drain();
    expect(await get('/readiness')).toMatchObject({ status: 503 });
    expect((await get('/health')).status).toBe(200);
  });

  it('answers in time when a check hangs', async () => {
    const health = new HealthChecks();
    health.register('slow', () => new Promise(() => {}));
    expect((await health.evaluate()).checks['slow']).toMatchObject({ ok: false, detail: 'No answer within 3 s.' });
  });
});

describe('the ops server', () => {
  it('serves process metrics and those of the service', async () => {
    const metrics = createMetrics('svc');
    metrics.counter('runs_total', 'Runs', ['status']).inc({ status: 'success' });
    metrics.counter('runs_total', 'Runs', ['status']).inc({ status: 'success' });
    metrics.gauge('open', 'Open', [], () => 7);
    const { status, text, type } = await (await ops(new HealthChecks(), metrics))('/metrics?x=1');
    expect([status, type]).toEqual([200, expect.stringContaining('text/plain')]);
    expect(text).toContain('runs_total{status="success",app="svc"} 2');
    expect(text).toContain('open{app="svc"} 7');
    expect(text).toContain('process_resident_memory_bytes');
  });

  it('answers 404 to everything else, and 500 without a reason when metrics fail', async () => {
    const broken: Metrics = { ...createMetrics('x'), text: () => Promise.reject(new Error('secret')) };
    const get = await ops(new HealthChecks(), broken);
    expect((await get('/')).status).toBe(404);
    expect((await get('/health/../etc/passwd')).status).toBe(404);
    expect((await get('/health', { method: 'POST', body: 'x' })).status).toBe(404);
    const failed = await get('/metrics');
    expect([failed.status, failed.text]).toEqual([500, expect.not.stringContaining('secret')]);
    expect((await get('/health')).status).toBe(200);
  });

  it('says with each look whether the service is ready, and which check fails', async () => {
    const health = new HealthChecks();
    let up = true;
    health.register('nats', () => Promise.resolve({ ok: up }));
    health.register('records', () => Promise.resolve({ ok: false }), { required: false });
    const get = await ops(health);
    expect((await get('/metrics')).text).toContain('service_ready{app="test"} 1');
    up = false;
    const { text } = await get('/metrics');
    expect(text).toContain('service_ready{app="test"} 0');
    expect(text).toContain('readiness_check_ok{check="nats",required="true",app="test"} 0');
    expect(text).toContain('readiness_check_ok{check="records",required="false",app="test"} 0');
  });

  it('names no gauge as if it counted: what `_total` summed up is there by its kind', async () => {
    const { text } = await (await ops())('/metrics');
    expect(text.match(/^# TYPE \S+_total gauge$/gm)).toBe(null);
    expect(text).toContain('# TYPE nodejs_active_resources gauge');
  });

  it('a value that cannot be read costs no scrape', async () => {
    const metrics = createMetrics('svc');
    metrics.counter('runs_total', 'Runs').inc();
    metrics.gauge('open', 'Open', [], () => {
      throw new Error('closed');
    });
    expect(await metrics.text()).toContain('runs_total{app="svc"} 1');
  });

  it('answers HEAD and is gone after stop', async () => {
    const server = await startOpsServer({
      port: 0,
      host: '127.0.0.1',
      health: new HealthChecks(),
      metrics: createMetrics('x'),
    });
    const url = `http://127.0.0.1:${server.port}/health`;
    const head = await fetch(url, { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
    await Promise.all([server.stop(), server.stop()]);
    await expect(fetch(url)).rejects.toThrow();
  });

  it('keeps the registries of two services apart', async () => {
    const [a, b] = [createMetrics('a'), createMetrics('b')];
    a.histogram('took_seconds', 'Time').observe(0.2);
    expect(await a.text()).toContain('took_seconds_count{app="a"} 1');
    expect(await b.text()).not.toContain('took_seconds');
  });
});

describe('the metrics of a service', () => {
  it('are for those who bring the token, where there is one; probes need none', async () => {
    const token = 'of-the-operator-1234';
    const health = new HealthChecks();
    const server = await startOpsServer({ port: 0, token, health, metrics: createMetrics('test') });
    started.push(server);
    const status = async (path: string, authorization?: string) => {
      const headers: Record<string, string> = authorization === undefined ? {} : { authorization };
      return (await fetch(`http://127.0.0.1:${server.port}${path}`, { headers })).status;
    };
    expect(await status('/metrics')).toBe(401);
    for (const wrong of ['Bearer', `Bearer ${token}x`, `Basic ${token}`, token])
      expect(await status('/metrics', wrong)).toBe(401);
    expect(await status('/metrics', `Bearer ${token}`)).toBe(200);
    expect([await status('/health'), await status('/readiness')]).toEqual([200, 200]);
  });

  it('have the same guard as what a service shows beside them', async () => {
    const token = 'of-the-operator-1234';
    const more = { '/counts': () => ({ seen: 3 }) };
    const server = await startOpsServer({
      port: 0,
      token,
      health: new HealthChecks(),
      metrics: createMetrics('test'),
      more,
    });
    started.push(server);
    const get = (path: string, headers: Record<string, string> = {}) =>
      fetch(`http://127.0.0.1:${server.port}${path}`, { headers });
    expect((await get('/counts')).status).toBe(401);
    const shown = await get('/counts?a=1', { authorization: `Bearer ${token}` });
    expect([shown.status, await shown.json()]).toEqual([200, { seen: 3 }]);
    expect(await (await get('/toString')).json()).toEqual({
      detail: 'Here are /health, /readiness, /metrics, /counts.',
    });
  });
});
