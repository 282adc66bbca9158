import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto';
import { AppError, type BusKey, operatorKey } from '@switchyard/contracts';
import { BoundedMap } from '@switchyard/platform';

/*
 * How the asking side proves who it is. Pure, but for the clock that is passed in.
 *
 * - A signature covers the subject, deadline, idempotency key and body: it fits this one message and no other.
 * - The caller signs with a key that belongs to this pair of caller and answering side. So an answering side that is
 *   taken over can sign as nobody towards others.
 * - A signature holds for a minute, by the clocks of both sides.
 *
 * The header `caller` is `v1 <asker>[/<person>] <key id> <ms since 1970> <HMAC-SHA-256 in base64url>`. HMAC rather than a
 * public-key signature: it costs a tenth (docs/adr/0049).
 */

/** Longest time between signing and checking, and how far clocks may differ. */
export const SIGNATURE_HOLDS_MS = 60_000;

const VERSION = 'v1';
const HEADER = /^v1 ([a-z0-9-]{1,32})(?:\/([A-Za-z0-9_-]{1,64}))? ([A-Za-z0-9]{1,16}) (\d{1,15}) ([A-Za-z0-9_-]{43})$/;
const NOT_SIGNED = 'The services do not trust this request: it is not signed by one that may ask it; check BUS_KEYS.';
const TOO_OLD = 'The services do not trust this request: it was signed too long ago; check the clocks of the services.';

/** What of a message is signed. */
export interface SignedMessage {
  readonly subject: string;
  readonly deadline: string | undefined;
  readonly idempotencyKey: string | undefined;
  readonly body: Uint8Array;
}

/** Who asked, as the signature proves it. */
export interface Caller {
  readonly asker: string;
  /** With `operator`: the person. */
  readonly person?: string;
}

/** The value of the header; undefined where this side has no key of the pair. */
export function signRequest(
  message: SignedMessage,
  { keys, person, now }: { keys: readonly BusKey[]; person?: string | undefined; now: number },
): string | undefined {
  const [key] = keys; // the first is the one in force
  if (!key) return undefined;
  const asker = person === undefined ? key.asker : `${key.asker}/${person}`;
  return `${VERSION} ${asker} ${key.id} ${now} ${macOf(key.key, asker, key.id, String(now), message)}`;
}

/**
 * The caller of a message that came with this header. `keys`: those that the answering side has in common with whoever may
 * ask it. Throws AppError `caller_not_trusted`.
 */
export function checkRequest(
  header: string | undefined,
  message: SignedMessage,
  { keys, now }: { keys: readonly BusKey[]; now: number },
): Caller {
  const [, asker, person, id, signedAt, mac] = HEADER.exec(header ?? '') ?? [];
  const held = keys.find((key) => key.asker === asker && key.id === id);
  if (asker === undefined || id === undefined || signedAt === undefined || mac === undefined || !held)
    throw new AppError('caller_not_trusted', NOT_SIGNED);
  // Only a person speaks as an operator, and nobody else is a person.
  if ((asker === 'operator') !== (person !== undefined)) throw new AppError('caller_not_trusted', NOT_SIGNED);
  const key = person === undefined ? held.key : operatorKey(held.key, person);
  const name = person === undefined ? asker : `${asker}/${person}`;
  const right = Buffer.from(macOf(key, name, id, signedAt, message));
  if (!timingSafeEqual(right, Buffer.from(mac))) throw new AppError('caller_not_trusted', NOT_SIGNED);
  if (Math.abs(now - Number(signedAt)) > SIGNATURE_HOLDS_MS) throw new AppError('caller_not_trusted', TOO_OLD);
  return { asker, ...(person === undefined ? {} : { person }) };
}

/** Keys as the library wants them: making one costs five times what signing with it does. Two for each pair of services. */
const KEYS = new BoundedMap<string, KeyObject>(1_000);

function keyObject(key: string): KeyObject {
  const known = KEYS.get(key);
  if (known !== undefined) return known;
  const made = createSecretKey(Buffer.from(key, 'base64url'));
  KEYS.set(key, made);
  return made;
}

function macOf(key: string, asker: string, id: string, signedAt: string, message: SignedMessage): string {
  const { subject, deadline = '', idempotencyKey = '', body } = message;
  // JSON keeps one field from running into the next, whatever is in them.
  const head = JSON.stringify([VERSION, asker, id, signedAt, subject, deadline, idempotencyKey]);
  return createHmac('sha256', keyObject(key)).update(`${head}\n`).update(body).digest('base64url');
}
