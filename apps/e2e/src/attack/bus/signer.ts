import { createHmac } from 'node:crypto';
import { type BusKey, parseBusKeys, type RequestContract } from '@switchyard/contracts';

/*
 * Signs requests on the bus as the services do, and in wrong ways. It is written a second time from the documented
 * format, so that a mistake in the product's code is not repeated here.
 */

export interface Question {
  readonly subject: string;
  readonly body: Uint8Array;
  readonly deadline?: string;
  readonly idempotencyKey?: string;
}

export interface Signature {
  /** `gateway`, or `operator/ada`. */
  readonly as: string;
  readonly key: Pick<BusKey, 'id' | 'key'>;
  readonly at?: number;
  readonly version?: string;
}

/** The headers of a signed question. */
export function signed(
  question: Question,
  { as, key, at = Date.now(), version = 'v1' }: Signature,
): Record<string, string> {
  const { subject, body, deadline = '', idempotencyKey = '' } = question;
  const head = JSON.stringify([version, as, key.id, String(at), subject, deadline, idempotencyKey]);
  const mac = createHmac('sha256', Buffer.from(key.key, 'base64url')).update(head).update('\n').update(body);
  return { ...headersOf(question), caller: `${version} ${as} ${key.id} ${at} ${mac.digest('base64url')}` };
}

export function headersOf({ deadline, idempotencyKey }: Question): Record<string, string> {
  return {
    ...(deadline === undefined ? {} : { deadline }),
    ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }),
  };
}

/** Headers as the service of this login sends them to whoever answers the contract. */
export function honestHeaders(
  busKeys: ReadonlyMap<string, string>,
  login: string,
  { answeredBy }: RequestContract,
  question: Question,
): Record<string, string> {
  const key = parseBusKeys(busKeys.get(login) ?? '').find(
    ({ asker, answerer }) => asker === login && answerer === answeredBy,
  );
  return key ? signed(question, { as: login, key }) : headersOf(question);
}
