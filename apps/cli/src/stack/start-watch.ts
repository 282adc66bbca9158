import { EXIT, UserError } from '../terminal/user-error.ts';

/*
 * Whether what was started works. Pure. Guarantees:
 *  - A service counts as ready when it says so itself; the bridge when its login stands as well, where it has one.
 *  - What time does not mend ends the wait at once: a configuration that is not valid, a service that ends again and again,
 *    a required login that failed.
 *  - Whoever is not ready at the end is told with its reason.
 */

/** How the AZTM login is waited for. */
export interface LoginWish {
  /** AZTM_REQUIRED: without it nothing runs. */
  readonly required: boolean;
  /** The first login may take so long (AZTM_XMPP_TIMEOUT). */
  readonly timeoutMs: number;
}

interface Check {
  readonly ok?: boolean;
  readonly detail?: string;
  readonly pending?: boolean;
}

/** A service's answer about its readiness; undefined: none. */
export interface Answer {
  readonly ok: boolean;
  readonly checks: Readonly<Record<string, Check>>;
}

/** How a process of the name came to its ends so far. */
export interface Ends {
  readonly times: number;
  readonly how: string;
  readonly why: string | undefined;
}

export type Verdict =
  | { readonly is: 'ready'; readonly note?: string }
  /** It runs without the login, and keeps trying it. */
  | { readonly is: 'without login'; readonly why: string }
  | { readonly is: 'waiting'; readonly why: string };

const LOGIN = 'aztm login';
/** A process that ended so often during one start ends again. */
const MOST_ENDS = 3;
/** Of a configuration that is not valid; an address that cannot be listened on may be free, or another one, next time. */
const isConfig = ({ how, why }: Ends): boolean => how === 'exit code 78' && why?.startsWith('Cannot start:') !== true;
/** How long to wait for an optional login: its first result usually comes within this time. */
const OPTIONAL_LOGIN_MS = 10_000;
const SPARE_MS = 5_000;

export const WHAT_TO_CHECK =
  'Check AZTM_HOST, AZTM_PORT, the TLS settings (AZTM_TLS) and the network; ./switchyard doctor --only xmpp looks at each.';

/** Until when a start waits for its services, from when they were launched. */
export function waitLimitMs(readyMs: number, login: LoginWish | undefined): number {
  if (!login) return readyMs;
  return login.required ? Math.max(readyMs, login.timeoutMs + SPARE_MS) : readyMs;
}

/** Throws where time does not mend it. `sinceMs`: how long the start waits already. */
export function judge(
  name: string,
  answer: Answer | undefined,
  ends: Ends | undefined,
  login: LoginWish | undefined,
  sinceMs: number,
): Verdict {
  if (ends && (isConfig(ends) || ends.times >= MOST_ENDS)) throw endedFor(name, ends);
  if (!answer) return { is: 'waiting', why: ends ? `it ended (${ends.how})${because(ends)}` : 'it does not answer' };
  const { [LOGIN]: own, ...others } = answer.checks;
  if (login && own && own.ok !== true && own.pending !== true) {
    if (login.required) throw noLogin(own.detail);
    if (answer.ok) return { is: 'without login', why: own.detail ?? 'it failed' };
  }
  const isDue = sinceMs > Math.min(OPTIONAL_LOGIN_MS, login?.timeoutMs ?? 0);
  if (login && own?.pending === true && (login.required || !isDue))
    return { is: 'waiting', why: own.detail ?? 'the AZTM login is under way' };
  if (answer.ok) return { is: 'ready', ...(own?.detail === undefined ? {} : { note: own.detail }) };
  const bad = Object.entries(login?.required ? answer.checks : others).filter(([, check]) => check.ok === false);
  return {
    is: 'waiting',
    why: bad.map(([each, { detail }]) => detail ?? each).join(' ') || 'it says that it is not ready',
  };
}

const because = ({ why }: Ends): string => (why === undefined ? '' : `: ${why}`);

function endedFor(name: string, ends: Ends): UserError {
  const log = `./switchyard logs ${name} shows more.`;
  if (isConfig(ends)) return new UserError(`${name} does not start${because(ends)}`, EXIT.config);
  return new UserError(`${name} ends again and again (${ends.how})${because(ends)}\n${log}`, EXIT.failed);
}

function noLogin(detail = 'no reason was told'): UserError {
  return new UserError(
    `Step 1/2 failed: ${detail}\nAZTM_REQUIRED=true: nothing runs without the AZTM login. ${WHAT_TO_CHECK}`,
    EXIT.unavailable,
  );
}
