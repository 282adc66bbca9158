import { AppError, toPublicError } from '@switchyard/contracts';
import type { CheckResult } from '@switchyard/platform';
import type { UpstreamConfig } from '../connections/config.ts';
import { faultOf } from '../connections/index.ts';

/*
 * How an upstream fares, by what came of asking it. Pure.
 *
 * - An upstream that fails to answer twice in a row is unavailable, with a reason, until it answers again.
 * - An upstream that only wants the token of a user stays available: each call needs the token of its user.
 */

export interface Health {
  /** In a row. */
  readonly failures: number;
  /** Why it is unavailable. */
  readonly reason: string | undefined;
  /** What it waits for a user to do; calls of users who did it go through. */
  readonly waits: string | undefined;
  /** Why it did not answer the last time; one that never answered is not there for anybody, after one time. */
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

/** What the readiness says of processes with less of a sandbox than their operator wants; it stops nothing. */
export function sandboxCheck(unconfined: readonly { upstream: string; missing: string }[]): CheckResult {
  const [first] = unconfined;
  if (!first) return { ok: true };
  const names = unconfined.map(({ upstream }) => upstream).join(', ');
  return { ok: false, detail: `${names}: started without the sandbox that is wanted. ${first.missing}` };
}
