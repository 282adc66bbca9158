import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { AppError, type Principal } from '@switchyard/contracts';

/*
 * Seals the `requestState` that an upstream wants back with the answer to its question. The caller holds it meanwhile.
 *
 * - The caller cannot read a sealed state, and one changed bit makes it void.
 * - A sealed state is bound to the caller, the upstream, the method and the name. It is void for another caller and for
 *   another tool.
 * - A sealed state is valid for ten minutes.
 */

const VERSION = 'v1.';
const GOOD_FOR_MS = 600_000;
const MAX_STATE_CHARS = 64 * 1024;
const NONCE = 12;
const TAG = 16;

export interface StatePlace {
  readonly principal: Pick<Principal, 'tenantId' | 'userId'>;
  readonly upstream: string;
  /** E.g. `tools/call` and the name that the upstream gave the tool. */
  readonly method: string;
  readonly name: string;
}

export class InputStates {
  readonly #key: Buffer;

  readonly #now: () => number;

  /** All replicas need the same secret; otherwise the state of one replica is void at another. */
  constructor(secret: string | Buffer, now: () => number = Date.now) {
    this.#now = now;
    this.#key = Buffer.from(hkdfSync('sha256', secret, '', 'switchyard mcp request state', 32));
  }

  seal(state: string, place: StatePlace): string {
    if (state.length > MAX_STATE_CHARS) throw new AppError('response_too_large');
    const nonce = randomBytes(NONCE);
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce).setAAD(bound(place));
    const body = JSON.stringify({ until: this.#now() + GOOD_FOR_MS, state });
    const sealed = Buffer.concat([nonce, cipher.update(body, 'utf8'), cipher.final(), cipher.getAuthTag()]);
    return VERSION + sealed.toString('base64url');
  }

  /** Throws the same `invalid_input` for every reason. */
  open(sealed: string, place: StatePlace): string {
    try {
      if (!sealed.startsWith(VERSION) || sealed.length > 2 * MAX_STATE_CHARS) throw new Error('not one of ours');
      const bytes = Buffer.from(sealed.slice(VERSION.length), 'base64url');
      const decipher = createDecipheriv('aes-256-gcm', this.#key, bytes.subarray(0, NONCE), { authTagLength: TAG });
      decipher.setAAD(bound(place)).setAuthTag(bytes.subarray(-TAG));
      const body = Buffer.concat([decipher.update(bytes.subarray(NONCE, -TAG)), decipher.final()]).toString('utf8');
      const { until, state } = JSON.parse(body) as { until: number; state: string };
      if (until < this.#now()) throw new Error('too old');
      return state;
    } catch (cause) {
      throw new AppError('invalid_input', 'The requestState is not one that this question came with, or is too old.', {
        cause,
      });
    }
  }
}

/** The place that a state is bound to: a list as JSON, so that no part can be taken for another. */
function bound({ principal, upstream, method, name }: StatePlace): Buffer {
  return Buffer.from(JSON.stringify([principal.tenantId, principal.userId, upstream, method, name]));
}
