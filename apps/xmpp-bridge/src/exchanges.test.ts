import { describe, expect, it } from '@jest/globals';
import type { SystemFact } from '@switchyard/contracts';
import { createLogger, createMetrics } from '@switchyard/platform';
import { Exchanges } from './exchanges.ts';

function book() {
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

describe('the book of exchanges', () => {
  it('enters who asked whom for what and what became of it, without the query', () => {
    const { told, clock, exchanges } = book();
    const out = exchanges.begin('out', asked);
    clock.at += 7;
    out.passed(34);
    out.end(200);
    exchanges.begin('in', asked).end('upstream_timeout');
    expect(told.map(({ data }) => data)).toEqual([
      {
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
    const { told, metrics, exchanges } = book();
    const exchange = exchanges.begin('in', asked);
    exchange.streams(200);
    exchange.streams(201);
    expect(await metrics.text()).toMatch(/xmpp_streams_open_in\{[^}]*\} 1\n/);
    exchange.end(200);
    exchange.end('cancelled');
    exchange.streams(200);
    const text = await metrics.text();
    expect(text).toMatch(/xmpp_streams_open_in\{[^}]*\} 0\n/);
    expect(text).toMatch(/xmpp_http_requests_total\{direction="in",outcome="2xx"[^}]*\} 1\n/);
    expect(text).not.toContain('cancelled');
    expect(told).toHaveLength(1);
  });

  it('keeps the status of a stream whose reader left before its end', () => {
    const { told, exchanges } = book();
    const exchange = exchanges.begin('out', asked);
    exchange.streams(200);
    exchange.end('cancelled');
    expect(told[0]!.data).toMatchObject({ status: 200, error_code: 'cancelled' });
  });
});
