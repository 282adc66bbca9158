import { AppError, toPublicError } from '@switchyard/contracts';
import type { CheckResult } from '@switchyard/platform';
import type { UpstreamConfig } from '../connections/config.ts';
import { faultOf } from '../connections/index.ts';

/*
 * The health of an upstream, from the results of its queries. Pure.
 *
 * - An upstream that fails to answer twice in a row is unavailable, with a reason, until it answers again.
 * - An upstream that only requires a user's token stays available: each call uses the token of its user.
 */

export interface Health {
  /** Consecutive failures. */
  readonly failures: number;
  /** Why it is unavailable. */
  readonly reason: string | undefined;
  /** What a user must do first; calls of users who did it succeed. */
  readonly waits: string | undefined;
  /** Why the last query failed. An upstream that never answered is unavailable after one failure. */
  readonly last: string | undefined;
}

const FAILURES_TO_WITHDRAW = 2;

export const WELL: Health = { failures: 0, reason: undefined, waits: undefined, last: undefined };

export function healthAfter(before: Health, { auth }: Pick<UpstreamConfig, 'auth'>, error: unknown): Health {
  if (error === undefined) return WELL;
  const failures = before.failures + 1;
  const last = reasonOf(error);
  const waits = auth === 'user' && faultOf(error) === 'unauthorised' ? last : undefined;
  const withdrawn = waits === undefined && failures >= FAILURES_TO_WITHDRAW;
  return { failures, waits, last, reason: withdrawn ? last : before.reason };
}

/** For people: no text of the upstream. */
function reasonOf(error: unknown): string {
  if (error instanceof AppError && error.code !== 'internal') return toPublicError(error).message;
  switch (faultOf(error)) {
    case 'unauthorised':
      return 'It does not take our credentials. Where it wants a login, set auth: oauth.';
    case 'away':
      return 'It could not be reached.';
    case 'refused':
      return 'It does not list its tools.';
    default:
      return 'It did not give a usable answer.';
  }
}

/** The readiness check for processes with less isolation than their operator wants; it is informational. */
export function sandboxCheck(unconfined: readonly { upstream: string; missing: string }[]): CheckResult {
  const [first] = unconfined;
  if (!first) return { ok: true };
  const names = unconfined.map(({ upstream }) => upstream).join(', ');
  return { ok: false, detail: `${names}: started without the sandbox that is wanted. ${first.missing}` };
}
