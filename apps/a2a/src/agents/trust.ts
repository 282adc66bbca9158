import {
  type AcceptedCard,
  type Card,
  checkCard,
  keySourceOf,
  type PublicKey,
  signedText,
} from '@switchyard/agent-card';
import { sha256 } from '@switchyard/contracts';

/**
 * What an agent's card needs before anything is sent to it.
 *   any     nothing more than that it can be read
 *   signed  a signature of a pinned key, or, where none is pinned, of a key that its own host publishes
 *   pinned  it is the very card that the operator approved, by its digest
 */
export const TRUST_POLICIES = ['any', 'signed', 'pinned'] as const;
type TrustPolicy = (typeof TRUST_POLICIES)[number];

export interface TrustRule {
  readonly trust: TrustPolicy;
  readonly keys?: readonly PublicKey[] | undefined;
  /** The digest of the approved card, for `pinned`. */
  readonly card?: string | undefined;
}

export interface TrustParts {
  readonly cardUrl: string;
  readonly allowedHosts: readonly string[];
  /** The card that was accepted last. */
  readonly accepted?: AcceptedCard | undefined;
  readonly nowMs: number;
  /** Reads the keys that a host publishes. Throws where it cannot. */
  readKeys(url: string): Promise<readonly PublicKey[]>;
}

export type TrustVerdict =
  | {
      readonly trusted: true;
      readonly kid?: string | undefined;
      readonly issuedAt?: number | undefined;
      /** Seconds since 1970. */
      readonly expiresAt?: number | undefined;
    }
  | { readonly trusted: false; readonly reason: string };

/** The digest by which a card is pinned: of what is signed, so that a new signature of the same card changes nothing. */
export function cardDigest(card: Card): string {
  return `sha256:${sha256(signedText(card))}`;
}

/** Judges a card by the operator's rule. Never throws: keys that cannot be read are a reason. */
export async function judgeTrust(card: Card, rule: TrustRule, parts: TrustParts): Promise<TrustVerdict> {
  if (rule.trust === 'any') return { trusted: true };
  if (rule.trust === 'pinned') {
    const digest = cardDigest(card);
    if (digest === rule.card) return { trusted: true };
    return { trusted: false, reason: `The card is not the one that was approved; it is ${digest} now.` };
  }
  const { keys, problem } = rule.keys ? { keys: rule.keys, problem: '' } : await publishedKeys(card, parts);
  const verdict = await checkCard(card, { keys, nowMs: parts.nowMs, accepted: parts.accepted });
  if (verdict.verified) return { trusted: true, ...verdict };
  const failing = verdict.checks.find(({ status }) => status === 'fail')?.sentence ?? 'The card is not verified.';
  return { trusted: false, reason: [failing, problem].filter(Boolean).join(' ') };
}

async function publishedKeys(card: Card, parts: TrustParts): Promise<{ keys: PublicKey[]; problem: string }> {
  const { addresses, foreign } = keySourceOf(card, parts.cardUrl, parts.allowedHosts);
  const keys: PublicKey[] = [];
  let problem = foreign.length > 0 ? 'It names keys at another host, which are not read.' : '';
  for (const address of addresses) {
    try {
      keys.push(...(await parts.readKeys(address)));
    } catch {
      problem = 'The keys that its host publishes cannot be read.';
    }
  }
  return { keys, problem };
}
