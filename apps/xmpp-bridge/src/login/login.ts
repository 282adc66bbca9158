import { linkAbort } from '@switchyard/platform';
import { Attempt } from './attempt.ts';
import type { AttemptOptions, LoginTap, OnStep } from './attempt-options.ts';
import { LoginError, loginFailure, type LoginFailureCode, type LoginStep } from './failure.ts';
import * as say from './sentences.ts';
import type { OpenStream } from './open-stream.ts';
import { type Dns, findTargets, type Target, type Where } from './targets.ts';

/*
 * One login: tries the servers of the domain in order until one accepts it.
 *
 * - One deadline covers the whole login. The failure names the step that was not passed.
 * - The next server is tried only if this one could not be reached: a server's answer counts for all of them. If
 *   another server remains, the bridge waits only briefly for a connection that hangs, which would use up the deadline.
 */

/** The limit of a connection while another server remains: a lost packet is sent again after a second. */
const CONNECT_MS = 2_500;

export interface LoginOptions extends Where, AttemptOptions {
  readonly timeoutMs: number;
  /** For tests: how names are resolved. */
  readonly dns?: Dns | undefined;
}

/** Rejects with LoginError only. */
export async function login(
  options: LoginOptions,
  signal: AbortSignal,
  onStep: OnStep = () => undefined,
  tap?: LoginTap,
): Promise<OpenStream> {
  const limited = linkAbort([signal], options.timeoutMs);
  let step: LoginStep = 'looking up the server';
  const note: OnStep = (reached) => {
    step = reached;
    onStep(reached);
  };
  const late = (): LoginError =>
    new LoginError(loginFailure('TIMEOUT', step, say.timedOut(step, options.timeoutMs / 1_000)));
  try {
    note(step);
    const found = await orAborted(findTargets(options, options.dns), limited.signal, late);
    if ('none' in found) throw new LoginError(loginFailure('DNS', step, found.none));
    tap?.lookedUp?.(options, found.targets);
    let failed: LoginError | undefined;
    for (const [n, target] of found.targets.entries()) {
      const left = found.targets.length - 1 - n;
      const connecting = connectLimit(target, limited.signal, left === 0 ? undefined : CONNECT_MS, late);
      const noteOf: OnStep = (reached) => {
        if (reached !== 'connecting') connecting.passed();
        note(reached);
      };
      try {
        return await new Attempt(options, target, noteOf, connecting.signal, connecting.late, tap).run();
      } catch (error) {
        failed = error instanceof LoginError ? error : internal(step, error);
        // A server's answer counts for all; only an unreachable server leaves another to try.
        if (!['REFUSED', 'UNREACHABLE', 'DNS'].includes(failed.failure.code)) throw failed;
      } finally {
        connecting.release();
      }
    }
    throw failed ?? late();
  } finally {
    limited.release();
  }
}

/**
 * The signal of one attempt; it also aborts if connecting takes longer than `limitMs`. And the failure to report then.
 */
function connectLimit(
  { host, port }: Target,
  signal: AbortSignal,
  limitMs: number | undefined,
  late: () => LoginError,
) {
  const linked = linkAbort([signal]);
  const timer = limitMs === undefined ? undefined : setTimeout(() => linked.abort(), limitMs);
  const passed = (): void => clearTimeout(timer);
  return {
    signal: linked.signal,
    passed,
    release: (): void => {
      passed();
      linked.release();
    },
    late: (): LoginError => {
      if (signal.aborted || limitMs === undefined) return late();
      const sentence = say.unreachable(`${host}:${port}`, `nothing in ${limitMs / 1_000} s`);
      return new LoginError(loginFailure('UNREACHABLE', 'connecting', sentence));
    },
  };
}

function internal(step: LoginStep, error: unknown): LoginError {
  const code: LoginFailureCode = 'CLOSED';
  return new LoginError(loginFailure(code, step, `The login failed while ${step}.`), { cause: error });
}

function orAborted<T>(promise: Promise<T>, signal: AbortSignal, late: () => Error): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(late());
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    void promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
