import { AppError, isRecord, parseOrThrow } from '@switchyard/contracts';
import { VersionNotSupportedError } from '@a2a-js/sdk/errors';
import { deeperThan, MAX_BODY_DEPTH } from '../http/index.ts';

/* Bodies and versions of A2A requests. Pure. */

const A2A_MAX_BODY_BYTES = 1024 * 1024;
const VERSION = '1.0';
/** What a client speaks that names no version. */
const UNNAMED = '0.3';

export interface RpcRequest {
  readonly id: string | number | null;
  readonly method: string;
  readonly params: unknown;
}

/** Throws VersionNotSupported. */
export function checkVersion(asked: string | undefined): void {
  const version = asked === undefined || asked === '' ? UNNAMED : asked;
  if (version === VERSION) return;
  const shown = version.slice(0, 16).replaceAll(/[^0-9A-Za-z.]/g, '?');
  throw new VersionNotSupportedError(`A2A ${shown} is not spoken here. Supported versions: ${VERSION}`);
}

/** The JSON of a body, within the limits. Throws `payload_too_large` and `invalid_input`. */
export function jsonOf(body: unknown): unknown {
  const text = typeof body === 'string' ? body : '';
  if (Buffer.byteLength(text) > A2A_MAX_BODY_BYTES)
    throw new AppError('payload_too_large', `The body is larger than ${A2A_MAX_BODY_BYTES / 1024 ** 2} MiB.`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new NotJson();
  }
  if (deeperThan(value, MAX_BODY_DEPTH))
    throw new AppError('invalid_input', `The body nests deeper than ${MAX_BODY_DEPTH}.`);
  return value;
}

/** The body is not JSON; JSON-RPC has a code of its own for that. */
export class NotJson extends AppError {
  constructor() {
    super('invalid_input', 'The body is not valid JSON.');
  }
}

/** The request in a body; undefined for what is none. */
export function rpcRequestOf(body: unknown): RpcRequest | undefined {
  if (!isRecord(body) || body['jsonrpc'] !== '2.0') return undefined;
  const { id = null, method, params } = body;
  const isId = id === null || typeof id === 'string' || Number.isInteger(id);
  if (!isId || typeof method !== 'string' || method === '') return undefined;
  return { id: id as RpcRequest['id'], method, params };
}

/** `null` means "not given", as in every encoding of the protocol's messages. */
export function readParams<T extends Parameters<typeof parseOrThrow>[0]>(schema: T, value: unknown, name: string) {
  return parseOrThrow(schema, withoutNulls(value), name) as ReturnType<typeof parseOrThrow<T>>;
}

/** The value without fields that are null, as deep as the protocol's own fields go. */
function withoutNulls(value: unknown, depth = 4): unknown {
  if (depth === 0) return value;
  if (Array.isArray(value)) return value.map((item) => withoutNulls(item, depth - 1));
  if (!isRecord(value)) return value;
  const kept = Object.entries(value).filter(([, field]) => field !== null && field !== undefined);
  return Object.fromEntries(
    kept.map(([name, field]) => [name, FREE.has(name) ? field : withoutNulls(field, depth - 1)]),
  );
}

/** Fields whose JSON is the client's own. */
const FREE: ReadonlySet<string> = new Set(['data', 'metadata']);
