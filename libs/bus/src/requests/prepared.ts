import { AppError, type OutputOf, type RequestContract } from '@switchyard/contracts';
import { encode } from '../protocol/index.ts';

/*
 * Answers that are given many times: what a handler prepared is checked and encoded once, and sent as it is from then on.
 *
 * - The answer that is sent is the answer that was checked: it is frozen, and the handler that prepares it hands out
 *   nothing that changes.
 * - An answer prepared for one contract is an ordinary value for any other.
 */

interface Prepared {
  readonly contract: RequestContract;
  readonly body: Uint8Array;
}

const known = new WeakMap<object, Prepared>();

/** The body of an answer as it is sent. Throws AppError: `internal` where it breaks the contract, `payload_too_large`. */
export function encodeAnswer(contract: RequestContract, output: unknown): Uint8Array {
  const prepared = typeof output === 'object' && output !== null ? known.get(output) : undefined;
  if (prepared?.contract === contract) return prepared.body;
  const parsed = contract.output.safeParse(output);
  if (parsed.success) return encode(parsed.data);
  // Our own defect: it is not sent.
  throw new AppError('internal', undefined, { cause: parsed.error });
}

/** The same answer, ready to be sent; its length in bytes. Throws as encodeAnswer. */
export function prepareAnswer<C extends RequestContract>(
  contract: C,
  output: OutputOf<C> & object,
): { readonly answer: OutputOf<C> & object; readonly bytes: number } {
  const body = encodeAnswer(contract, output);
  known.set(Object.freeze(output), { contract, body }); // no change after the check
  return { answer: output, bytes: body.byteLength };
}
