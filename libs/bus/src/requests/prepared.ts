import { AppError, type OutputOf, type RequestContract } from '@switchyard/contracts';
import { encode } from '../protocol/index.ts';

/*
 * Answers that are sent many times: validated and encoded once.
 *
 * - The answer that is sent is the answer that was validated: it is frozen, and its handler returns nothing that
 *   changes.
 * - An answer prepared for one contract is an ordinary value for any other.
 */

interface Prepared {
  readonly contract: RequestContract;
  readonly body: Uint8Array;
}

const known = new WeakMap<object, Prepared>();

/** Encodes an answer. Throws AppError: `internal` if it breaks the contract, `payload_too_large`. */
export function encodeAnswer(contract: RequestContract, output: unknown): Uint8Array {
  const prepared = typeof output === 'object' && output !== null ? known.get(output) : undefined;
  if (prepared?.contract === contract) return prepared.body;
  const parsed = contract.output.safeParse(output);
  if (parsed.success) return encode(parsed.data);
  // Our own defect: it is not sent.
  throw new AppError('internal', undefined, { cause: parsed.error });
}

/** Prepares an answer for sending; returns its length in bytes. Throws as encodeAnswer. */
export function prepareAnswer<C extends RequestContract>(
  contract: C,
  output: OutputOf<C> & object,
): { readonly answer: OutputOf<C> & object; readonly bytes: number } {
  const body = encodeAnswer(contract, output);
  known.set(Object.freeze(output), { contract, body }); // no change after the check
  return { answer: output, bytes: body.byteLength };
}
