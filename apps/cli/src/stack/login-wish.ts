import type { Environment } from '../environment/allowed-variables.ts';
import { type LoginWish, type Verdict, WHAT_TO_CHECK } from './start-watch.ts';
import { hasOwnLogin } from '../environment/xmpp-login.ts';

/* The AZTM login as a start sees it: whose it is, how long it may take, and the two steps that people are told. Pure. */

export interface OwnLogin extends LoginWish {
  /** The person's own; else that of the quick start, on the private server. */
  readonly isOfPerson: boolean;
  readonly account: string;
  readonly way: string;
}

const DEFAULT_SECONDS = 30;

/** Undefined: the bridge has no account. What is not valid of it is the bridge's to say. */
export function ownLogin(given: Environment, ofQuickStart: Environment | undefined): OwnLogin | undefined {
  const isOfPerson = hasOwnLogin(given);
  const from = isOfPerson ? given : ofQuickStart;
  const user = from?.['AZTM_USERID'] || from?.['AZTM_JID'];
  if (!from || !user) return undefined;
  const domain = from['AZTM_DOMAIN'] || from['XMPP_DOMAIN'];
  const account = user.includes('@') || !domain ? user : `${user}@${domain}`;
  const host = from['AZTM_HOST'] || from['XMPP_HOST'];
  const port = from['AZTM_PORT'] || from['XMPP_PORT'];
  const way = host
    ? `${host}${port ? `:${port}` : ''}`
    : `the server that DNS names for ${account.split('@')[1] ?? 'its domain'}`;
  const seconds = Number(given['AZTM_XMPP_TIMEOUT'] || DEFAULT_SECONDS);
  return {
    isOfPerson,
    account,
    way,
    required: /^\s*(true|yes|on|1)\s*$/i.test(given['AZTM_REQUIRED'] ?? ''),
    timeoutMs: (Number.isFinite(seconds) ? Math.min(600, Math.max(1, seconds)) : DEFAULT_SECONDS) * 1_000,
  };
}

export function stepOne({ account, way, timeoutMs }: OwnLogin): string {
  return `Step 1/2: connecting to the AZTM transport as ${account} (${way}; at most ${timeoutMs / 1_000} s, AZTM_XMPP_TIMEOUT) …`;
}

export function stepTwo(verdict: Verdict): string {
  if (verdict.is === 'ready') return `Step 2/2: ${verdict.note ?? 'the AZTM transport stands.'}`;
  return `Step 1/2 failed: ${verdict.why} ${WHAT_TO_CHECK}\nStep 2/2: the services run without it (AZTM_REQUIRED is not true); it is tried again.`;
}
