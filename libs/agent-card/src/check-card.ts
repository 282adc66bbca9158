import { base64url, decodeProtectedHeader, flattenedVerify, importJWK } from 'jose';
import { type Card, signedText } from './canonical.ts';
import { type AcceptedCard, olderThan, time } from './freshness.ts';
import type { PublicKey } from './signing-keys.ts';

/** One check of a card, and a sentence that says what was found. */
export interface CardCheck {
  readonly check: 'signatures' | 'algorithm' | 'key' | 'signature' | 'time' | 'replay';
  readonly status: 'ok' | 'warn' | 'fail';
  readonly sentence: string;
}

export interface CardVerdict {
  /** True if a signature of a known key fits the card, its time is good, and the card is not older than the last one. */
  readonly verified: boolean;
  readonly kid?: string | undefined;
  /** Seconds since 1970. */
  readonly issuedAt?: number | undefined;
  readonly expiresAt?: number | undefined;
  /** Every check that was made, in their order. */
  readonly checks: readonly CardCheck[];
}

export interface CheckOptions {
  /** The keys that are trusted: pinned ones, or those that the card's own host publishes. */
  readonly keys: readonly PublicKey[];
  readonly nowMs: number;
  /** The card that was accepted last from the same agent. */
  readonly accepted?: AcceptedCard | undefined;
}

/** Asymmetric alone: with a symmetric one, or none, whoever knows the public key could sign. */
const ALGORITHMS = ['ES256', 'EdDSA', 'RS256'];
const MAX_SIGNATURES = 10;
/** How far the clocks of two organisations may differ. */
const CLOCK_SKEW_S = 60;

interface Read {
  readonly kid: string;
  readonly alg: string;
  readonly iat?: number | undefined;
  readonly exp?: number | undefined;
}

interface Judged {
  readonly checks: readonly CardCheck[];
  readonly header?: Read;
}

/**
 * Checks the signatures of a card and explains each check. Reads no clock and no network, and never throws.
 * - One good signature is enough; of several the latest counts.
 * - A signature counts only with a key of `keys` and an asymmetric algorithm. Keys that the card itself names are
 *   not looked at.
 */
export async function checkCard(card: Card, options: CheckOptions): Promise<CardVerdict> {
  const { signatures } = card;
  if (signatures.length === 0)
    return { verified: false, checks: [fail('signatures', 'The card carries no signature.')] };
  const counted = signatures.length === 1 ? 'one signature' : `${signatures.length} signatures`;
  const first = ok('signatures', `The card carries ${counted}.`);
  const payload = base64url.encode(signedText(card));
  const judged: Judged[] = [];
  for (const one of signatures.slice(0, MAX_SIGNATURES)) judged.push(await judge(one, payload, options));
  const good = judged.filter(({ header }) => header !== undefined);
  const latest = good.reduce<Judged | undefined>(
    (best, each) => ((each.header?.iat ?? -1) > (best?.header?.iat ?? -2) ? each : best),
    undefined,
  );
  if (!latest?.header) return { verified: false, checks: [first, ...judged.flatMap(({ checks }) => checks)] };
  const { kid, iat: issuedAt, exp: expiresAt } = latest.header;
  const older = olderThan(options.accepted, { version: card.version, issuedAt });
  const replay = older
    ? fail('replay', `An older card is offered again: ${older}.`)
    : ok(
        'replay',
        options.accepted ? 'It is not older than the card accepted last.' : 'No card was accepted before it.',
      );
  // Of a card that verifies, the checks of the signature that counts say it all.
  return { verified: older === undefined, kid, issuedAt, expiresAt, checks: [first, ...latest.checks, replay] };
}

async function judge(
  signature: { readonly protected: string; readonly signature: string },
  payload: string,
  { keys, nowMs }: CheckOptions,
): Promise<Judged> {
  const header = headerOf(signature.protected);
  if (!header) return { checks: [fail('algorithm', 'The header of a signature cannot be read.')] };
  const named = header.kid === '' ? 'A signature that names no key' : `The signature of key ${shown(header.kid)}`;
  if (!ALGORITHMS.includes(header.alg)) {
    const sentence = `${named} has the algorithm ${shown(header.alg || 'none')}; only ${ALGORITHMS.join(', ')} count.`;
    return { checks: [fail('algorithm', sentence)] };
  }
  const algorithm = ok('algorithm', `${named} has the algorithm ${header.alg}.`);
  const fitting = keys.filter(({ kid }) => kid === header.kid);
  if (fitting.length === 0) return { checks: [algorithm, fail('key', `${named} is of none of the known keys.`)] };
  const key = ok('key', `Key ${shown(header.kid)} is known.`);
  if (!(await anyVerifies(signature, payload, fitting, header.alg))) {
    const sentence = `${named} does not fit: the card was changed after it was signed, or another key signed it.`;
    return { checks: [algorithm, key, fail('signature', sentence)] };
  }
  const fits = ok('signature', `${named} fits the card.`);
  const timely = timeOf(header, nowMs / 1_000);
  const checks = [algorithm, key, fits, timely];
  return timely.status === 'fail' ? { checks } : { checks, header };
}

async function anyVerifies(
  signature: { readonly protected: string; readonly signature: string },
  payload: string,
  keys: readonly PublicKey[],
  alg: string,
): Promise<boolean> {
  for (const key of keys) {
    try {
      // A key that names an algorithm signs with no other.
      if (key.alg !== undefined && key.alg !== alg && !(alg === 'EdDSA' && key.alg === 'Ed25519')) continue;
      const jws = { payload, protected: signature.protected, signature: signature.signature };
      await flattenedVerify(jws, await importJWK({ ...key, alg }, alg), { algorithms: ALGORITHMS });
      return true;
    } catch {
      // The next key of this name may fit.
    }
  }
  return false;
}

function timeOf({ iat, exp }: Read, now: number): CardCheck {
  if (exp !== undefined && exp + CLOCK_SKEW_S <= now)
    return fail('time', `It was good until ${time(exp)}, and is no more.`);
  if (iat !== undefined && iat - CLOCK_SKEW_S > now)
    return fail('time', `It was signed at ${time(iat)}, which is still to come; check the clocks.`);
  if (iat === undefined && exp === undefined)
    return warn('time', 'It does not say when it was signed; only its version tells an older card from it.');
  const since = iat === undefined ? '' : `signed at ${time(iat)}`;
  const until = exp === undefined ? 'without an end' : `good until ${time(exp)}`;
  return ok('time', `It was ${[since, until].filter(Boolean).join(', ')}.`);
}

function headerOf(text: string): Read | undefined {
  try {
    const { kid, alg, iat, exp } = decodeProtectedHeader({ protected: text, payload: '', signature: '' }) as Record<
      string,
      unknown
    >;
    return {
      kid: typeof kid === 'string' ? kid : '',
      alg: typeof alg === 'string' ? alg : '',
      ...(typeof iat === 'number' ? { iat } : {}),
      ...(typeof exp === 'number' ? { exp } : {}),
    };
  } catch {
    return undefined;
  }
}

/** Where the keys of a card are published, by its own words: the `jku` of its signatures, each once. */
export function keyAddresses(card: Card): string[] {
  const named = card.signatures.slice(0, MAX_SIGNATURES).flatMap(({ protected: text }) => {
    try {
      const { jku } = decodeProtectedHeader({ protected: text, payload: '', signature: '' });
      return typeof jku === 'string' ? [jku] : [];
    } catch {
      return [];
    }
  });
  return [...new Set(named)];
}

/** A name from the card, for a sentence: plain and short. */
function shown(text: string): string {
  return `"${text.replace(/[^\x20-\x7e]/g, '?').slice(0, 60)}"`;
}

const ok = (check: CardCheck['check'], sentence: string): CardCheck => ({ check, status: 'ok', sentence });
const warn = (check: CardCheck['check'], sentence: string): CardCheck => ({ check, status: 'warn', sentence });
const fail = (check: CardCheck['check'], sentence: string): CardCheck => ({ check, status: 'fail', sentence });
