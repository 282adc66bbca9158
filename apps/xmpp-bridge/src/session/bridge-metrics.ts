import type { Logger, Metrics } from '@switchyard/platform';
import { logEvent } from '../log-events.ts';
import type { LoginFlaw } from './connection-supervisor.ts';
import type { SessionHandlers } from './session.ts';

/* The metrics of a replica's login and sessions. Labels are our own codes and names of types, so they are few. */

/** Counts logins that failed, or that succeeded with less than preferred. */
export function flawCounter(metrics: Metrics): (flaw: LoginFlaw) => void {
  const failures = metrics.counter('xmpp_login_failures_total', 'Logins that did not stand', ['code']);
  const unbound = metrics.counter(
    'xmpp_login_unbound_total',
    'Logins without channel binding, which the server had offered and refused',
    ['type'],
  );
  return (flaw) => (flaw.kind === 'failed' ? failures.inc({ code: flaw.code }) : unbound.inc({ type: flaw.type }));
}

/** Counts dropped answers, and logs forged ones. */
export function dropCounter(metrics: Metrics, log: Logger): SessionHandlers['onDropped'] {
  const dropped = metrics.counter('xmpp_replies_dropped_total', 'Answers that nobody waited for', ['why']);
  return (outcome, from) => {
    dropped.inc({ why: outcome });
    if (outcome === 'spoofed') logEvent(log, 'xmpp_answer_unexpected', { from: from?.slice(0, 200) });
  };
}

/** Counts stanzas that were not read, and logs their sender at most once a minute. */
export function skipCounter(metrics: Metrics, log: Logger): NonNullable<SessionHandlers['onSkipped']> {
  const skipped = metrics.counter('xmpp_stanzas_skipped_total', 'Stanzas too large or too deep to be read', ['why']);
  let quietUntil = 0;
  return (why, from) => {
    skipped.inc({ why });
    if (performance.now() < quietUntil) return;
    quietUntil = performance.now() + 60_000;
    logEvent(log, 'xmpp_stanza_skipped', { why, from: from?.slice(0, 200) });
  };
}

/** Gauges that are read at each scrape. */
export function bridgeGauges(
  metrics: Metrics,
  now: { readonly online: () => boolean; readonly serving: () => boolean; readonly open: () => number },
): void {
  metrics.gauge('xmpp_online', 'Whether the AZTM login stands', [], () => Number(now.online()));
  metrics.gauge('xmpp_serving', 'Whether this replica takes what peers ask', [], () => Number(now.serving()));
  metrics.gauge('xmpp_requests_open', 'Requests over XMPP without an answer', [], now.open);
}
