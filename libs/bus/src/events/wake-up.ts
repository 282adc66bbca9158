import { ID_PATTERN } from '@switchyard/contracts';
import type { WakeUp } from '../protocol/index.ts';

/*
 * How wake-ups come back, and when they do not any more. Pure.
 *
 * A wake-up is an optimisation: the sweeper finds every run that has work. So none has to be kept for ever, whatever
 * its handler says.
 */

/** About ten minutes, with the pauses below. */
export const MOST_DELIVERIES = 24;
const SHORTEST_MS = 1_000;
const LONGEST_MS = 30_000;

export type Settlement =
  { readonly do: 'ack' } | { readonly do: 'give-up' } | { readonly do: 'again'; readonly afterMs: number };

/** What becomes of a wake-up that was delivered so many times. */
export function settlementOf(verdict: 'done' | 'busy' | 'failed', deliveries: number): Settlement {
  if (verdict === 'done') return { do: 'ack' };
  if (deliveries >= MOST_DELIVERIES) return { do: 'give-up' };
  return { do: 'again', afterMs: Math.min(LONGEST_MS, SHORTEST_MS * 2 ** Math.min(deliveries - 1, 10)) };
}

/** `cmd.run.<tenant>.<run>`; undefined for anything else. */
export function parseWakeUp(subject: string): WakeUp | undefined {
  const [cmd, run, tenantId = '', runId = '', more] = subject.split('.');
  const wellFormed = cmd === 'cmd' && run === 'run' && more === undefined;
  return wellFormed && ID_PATTERN.test(tenantId) && ID_PATTERN.test(runId) ? { tenantId, runId } : undefined;
}
