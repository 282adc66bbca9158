import { ID_PATTERN } from '@switchyard/contracts';
import type { WakeUp } from '../protocol/index.ts';

/*
 * Decides when a wake-up is delivered again, and when it is dropped. Pure.
 * A wake-up is an optimisation: the sweeper finds every run that has work. So no wake-up has to be kept for ever,
 * whatever its handler says.
 */

/** About ten minutes, with the pauses below. */
export const MOST_DELIVERIES = 24;
const SHORTEST_MS = 1_000;
const LONGEST_MS = 30_000;

export type Settlement =
  { readonly do: 'ack' } | { readonly do: 'give-up' } | { readonly do: 'again'; readonly afterMs: number };

/** How a wake-up is settled that was delivered this many times. */
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
