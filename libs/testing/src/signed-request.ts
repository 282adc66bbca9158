import { createHmac, randomBytes } from 'node:crypto';
import { type BusKey, inboxPrefix } from '@switchyard/contracts';

/**
 * What a client that is no service of ours puts beside a body, so that it is taken for the question of `asker`: the
 * signature, made as the protocol says, and an inbox of that service. For whatever our own library would never send.
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
