import { describe, expect, it } from '@jest/globals';
import type { SystemFact } from '@switchyard/contracts';
import { createLogger, createMetrics } from '@switchyard/platform';
import { until } from '@switchyard/testing';
import { Exchanges } from './exchanges.ts';

function exchangeLog() {
  const told: SystemFact[] = [];
  const metrics = createMetrics('test');
  const clock = { at: 1_000 };
  const exchanges = new Exchanges({
    bus: { publishSystem: async (fact) => void told.push(fact) },
    log: createLogger({ app: 'test', level: 'silent' }),
    metrics,
    own: 'us@example.org',
    now: () => clock.at,
  });
  return { told, metrics, clock, exchanges };
}
const asked = { peer: 'peer@example.net/aztm', method: 'POST', resource: '/a2a?token=canary-271', bytes: 12 };

describe('the record of exchanges', () => {
  it('enters who asked whom for what and what became of it, without the query', async () => {
    const { told, clock, exchanges } = exchangeLog();
    const whose = { tenantId: 'acme', userId: 'ada', runId: 'run-1' };
    const out = exchanges.begin('out', { ...asked, whose });
    clock.at += 7;
    out.passed(34);
    out.end(200);
    exchanges.begin('in', asked).end('upstream_timeout');
    await exchanges.flush();
    expect(told.map(({ data }) => data)).toEqual([
      {
        tenant_id: 'acme',
        user_id: 'ada',
        run_id: 'run-1',
        direction: 'out',
        from: 'us@example.org',
        to: 'peer@example.net',
        method: 'POST',
        path: '/a2a',
        status: 200,
        error_code: null,
        duration_ms: 7,
        request_bytes: 12,
        response_bytes: 34,
      },
      expect.objectContaining({
        tenant_id: null,
        user_id: null,
        run_id: null,
        direction: 'in',
        from: 'peer@example.net',
        to: 'us@example.org',
        status: null,
        error_code: 'upstream_timeout',
      }),
    ]);
    expect(JSON.stringify(told)).not.toContain('canary');
  });

  it('enters a request once, whatever is said of it later, and counts a stream while it lasts', async () => {
    const { told, metrics, exchanges } = exchangeLog();
    const exchange = exchanges.begin('in', asked);
    exchange.streams(200);
    exchange.streams(201);
    expect(await metrics.text()).toMatch(/xmpp_streams_open_in\{[^}]*\} 1\n/);
    exchange.end(200);
    exchange.end('cancelled');
    exchange.streams(200);
    await exchanges.flush();
    const text = await metrics.text();
    expect(text).toMatch(/xmpp_streams_open_in\{[^}]*\} 0\n/);
    expect(text).toMatch(/xmpp_http_requests_total\{direction="in",outcome="2xx"[^}]*\} 1\n/);
    expect(text).not.toContain('cancelled');
    expect(told).toHaveLength(1);
  });

  it('tells facts together a moment later, never more than it may hold, and counts what the bus refuses', async () => {
    const { told, metrics, exchanges } = exchangeLog();
    for (let n = 0; n < 10_005; n += 1) exchanges.begin('out', asked).end(200);
    expect(told).toHaveLength(0);
    await until(() => told.length > 0);
    expect(told).toHaveLength(10_000);
    expect(await metrics.text()).toMatch(/xmpp_facts_dropped_total\{[^}]*\} 5\n/);
    const away = new Exchanges({
      bus: { publishSystem: () => Promise.reject(new Error('away')) },
      log: createLogger({ app: 'test', level: 'silent' }),
      metrics,
      own: 'us@example.org',
    });
    away.begin('out', asked).end(200);
    await away.flush();
    expect(await metrics.text()).toMatch(/xmpp_facts_dropped_total\{[^}]*\} 6\n/);
  });

  it('tells in a pause between requests, and does not wait for one for ever', async () => {
    const { told, exchanges } = exchangeLog();
    let goOn = true;
    let ended = 0;
    const busy = (async () => {
      while (goOn) {
        exchanges.begin('out', asked).end(200);
        ended += 1;
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    })();
    await until(() => told.length > 0);
    goOn = false;
    await busy;
    await until(() => told.length === ended);
  });

  it('keeps the status of a stream whose reader left before its end', async () => {
    const { told, exchanges } = exchangeLog();
    const exchange = exchanges.begin('out', asked);
    exchange.streams(200);
    exchange.end('cancelled');
    await exchanges.flush();
    expect(told[0]!.data).toMatchObject({ status: 200, error_code: 'cancelled' });
  });
});
