import { FlattenedSign } from 'jose';
import { type Card, signedText } from './canonical.ts';
import type { SigningKey } from './signing-keys.ts';

export interface SigningOptions {
  readonly keys: readonly SigningKey[];
  readonly nowMs: number;
  /** How long the signature is good for. Whoever serves the card signs it anew before that. */
  readonly validForMs: number;
  /** Where the JWKS document is, if it is published. */
  readonly jwksUrl?: string | undefined;
}

/**
 * The card with one signature of each key, and no other.
 * - The protected header says when the card was signed and until when that holds (`iat`, `exp`, in seconds): a verifier
 *   that knows these tells a replayed card, and others ignore them.
 * - Without keys the card comes back unsigned.
 */
export async function signCard(card: Card, { keys, nowMs, validForMs, jwksUrl }: SigningOptions): Promise<Card> {
  const unsigned: Card = { ...card, signatures: [] };
  const payload = new TextEncoder().encode(signedText(unsigned));
  const iat = Math.floor(nowMs / 1_000);
  const exp = Math.floor((nowMs + validForMs) / 1_000);
  const signatures = await Promise.all(
    keys.map(async ({ kid, alg, privateKey }) => {
      const header = { alg, kid, typ: 'JOSE', ...(jwksUrl === undefined ? {} : { jku: jwksUrl }), iat, exp };
      const jws = await new FlattenedSign(payload).setProtectedHeader(header).sign(privateKey);
      return { protected: jws.protected!, signature: jws.signature, header: undefined };
    }),
  );
  return { ...unsigned, signatures };
}
