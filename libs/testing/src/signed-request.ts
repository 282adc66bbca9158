import { createHmac, randomBytes } from 'node:crypto';
import { type BusKey, inboxPrefix } from '@switchyard/contracts';

/**
 * Headers with which a stock client asks as the service `asker`: the signature, made as the protocol says, and an inbox
 * of that service. Tests use it for requests that the library never sends.
 */
export function signedAs(
  asker: string,
  answerer: string,
  keys: readonly BusKey[],
  { subject, body, now = Date.now() }: { subject: string; body: Uint8Array | string; now?: number },
): { readonly caller: string; readonly reply: string } {
  const key = keys.find((each) => each.asker === asker && each.answerer === answerer);
  if (!key) throw new Error(`no key with which ${asker} asks ${answerer}`);
  const head = JSON.stringify(['v1', asker, key.id, String(now), subject, '', '']);
  const mac = createHmac('sha256', Buffer.from(key.key, 'base64url')).update(head).update('\n').update(body);
  return {
    caller: `v1 ${asker} ${key.id} ${now} ${mac.digest('base64url')}`,
    reply: `${inboxPrefix(asker)}.${randomBytes(9).toString('base64url')}`,
  };
}
