import { linkAbort } from '@switchyard/platform';
import { Attempt, type AttemptOptions, type LoginTap, type OnStep } from './login-attempt.ts';
import { LoginError, loginFailure, type LoginFailureCode, type LoginStep } from './login-failure.ts';
import * as say from './login-sentences.ts';
import type { OpenStream } from './open-stream.ts';
import { type Dns, findTargets, type Where } from './targets.ts';

/*
 * One login: the servers of the domain in their order, an attempt at each until one lets us in.
 *
 * O1 One deadline stands over the whole of it. It names the step that was not passed.
 * O2 The next server is tried only where this one could not be reached; what a server says counts for all of them.
 */

export interface LoginOptions extends Where, AttemptOptions {
  readonly timeoutMs: number;
  /** For tests: how names are resolved. */
  readonly dns?: Dns | undefined;
}

/** Rejects with LoginError alone. */
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
    let failed: LoginError | undefined;
    for (const target of found.targets) {
      try {
        return await new Attempt(options, target, note, limited.signal, late, tap).run();
      } catch (error) {
        failed = error instanceof LoginError ? error : internal(step, error);
        if (!['REFUSED', 'UNREACHABLE', 'DNS'].includes(failed.failure.code)) throw failed; // O2
      }
    }
    throw failed ?? late();
  } finally {
    limited.release();
  }
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
