import { createHash, createHmac, pbkdf2, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';

/*
 * SCRAM as a client: RFC 5802 (SHA-1), RFC 7677 (SHA-256), and the same with SHA-512.
 *
 * - The server must prove that it knows the password: the bridge compares its signature before it sends anything else.
 * - The nonce of the server must begin with ours. Its iteration count must lie between 4,096 (RFC 7677 §4) and a bound
 *   that keeps a hostile server from making the bridge compute for minutes.
 */

const SCRAM_HASHES = { 'SCRAM-SHA-512': 'sha512', 'SCRAM-SHA-256': 'sha256', 'SCRAM-SHA-1': 'sha1' } as const;
export type ScramName = keyof typeof SCRAM_HASHES;

/** Data of the TLS connection that both ends mix into the proof (RFC 5929, RFC 9266). */
export interface ChannelBinding {
  readonly type: 'tls-exporter' | 'tls-unique' | 'tls-server-end-point';
  readonly data: Buffer;
}

/** `bound`: use it. `possible`: we could, but the server does not offer it. `none`: not used. (RFC 5802 §6) */
export type Binding = { readonly how: 'bound'; readonly with: ChannelBinding } | { readonly how: 'possible' | 'none' };

export interface ScramStart {
  readonly mechanism: ScramName;
  readonly user: string;
  readonly nonce: string;
  readonly binding: Binding;
}

export interface ScramProof {
  readonly clientFinal: string;
  /** The signature by which the server proves itself, in base64. */
  readonly serverSignature: string;
}

const MIN_ITERATIONS = 4_096;
const MAX_ITERATIONS = 2_000_000;
const derive = promisify(pbkdf2);

/** Thrown for a challenge that no honest server sends. */
export class ScramError extends Error {}

export function clientFirst(start: ScramStart): string {
  return `${gs2Header(start.binding)}${clientFirstBare(start)}`;
}

/** Answers the server's challenge. The duration depends on the server's iteration count. */
export async function prove(start: ScramStart, password: string, challenge: string): Promise<ScramProof> {
  const { nonce, salt, iterations } = parseChallenge(challenge, start.nonce);
  const hash = SCRAM_HASHES[start.mechanism];
  const length = createHash(hash).digest().length;
  const salted = await derive(password.normalize('NFKC'), salt, iterations, length, hash);
  const hmac = (key: Buffer, text: string) => createHmac(hash, key).update(text).digest();

  const binding = Buffer.concat([
    Buffer.from(gs2Header(start.binding)),
    start.binding.how === 'bound' ? start.binding.with.data : Buffer.alloc(0),
  ]).toString('base64');
  const withoutProof = `c=${binding},r=${nonce}`;
  const auth = `${clientFirstBare(start)},${challenge},${withoutProof}`;
  const clientKey = hmac(salted, 'Client Key');
  const signature = hmac(createHash(hash).update(clientKey).digest(), auth);
  const proof = Buffer.from(clientKey.map((byte, index) => byte ^ signature[index]!)).toString('base64');
  const serverSignature = hmac(hmac(salted, 'Server Key'), auth).toString('base64');
  return { clientFinal: `${withoutProof},p=${proof}`, serverSignature };
}

/** True if the server's last message carries the signature that requires the password. */
export function provesServer(final: string, expected: string): boolean {
  const given = /^v=([A-Za-z0-9+/=]+)/.exec(final)?.[1];
  if (given === undefined) return false;
  const [a, b] = [Buffer.from(given, 'base64'), Buffer.from(expected, 'base64')];
  return a.length === b.length && timingSafeEqual(a, b);
}

function parseChallenge(text: string, ours: string): { nonce: string; salt: Buffer; iterations: number } {
  const match = /^r=([!-+\--~]+),s=([A-Za-z0-9+/=]+),i=([1-9][0-9]{0,8})(,|$)/.exec(text);
  if (!match) throw new ScramError('the challenge is not one of SCRAM');
  const [, nonce, salt, count] = match;
  if (!nonce!.startsWith(ours) || nonce!.length === ours.length)
    throw new ScramError('the nonce is not ours continued');
  const iterations = Number(count);
  if (iterations < MIN_ITERATIONS || iterations > MAX_ITERATIONS)
    throw new ScramError(`an iteration count of ${iterations} is not accepted`);
  return { nonce: nonce!, salt: Buffer.from(salt!, 'base64'), iterations };
}

function gs2Header(binding: Binding): string {
  if (binding.how === 'bound') return `p=${binding.with.type},,`;
  return binding.how === 'possible' ? 'y,,' : 'n,,';
}

function clientFirstBare({ user, nonce }: ScramStart): string {
  const name = user.normalize('NFKC').replaceAll('=', '=3D').replaceAll(',', '=2C');
  return `n=${name},r=${nonce}`;
}
