import {
  A2A_ERROR_CODE,
  type A2AError,
  ContentTypeNotSupportedError,
  type ErrorDetail,
  RequestMalformedError,
  restStatusFor,
  TaskNotFoundError,
  toJsonRpcError,
  toRestErrorBody,
  UnsupportedOperationError,
} from '@a2a-js/sdk/errors';
import { AppError, ERROR_CODES, type ErrorCode, toPublicError } from '@switchyard/contracts';
import { toProblem } from '../http/index.ts';

/*
 * Errors in the two forms of A2A. Pure.
 *
 * - An error of the protocol has the code and status of its table.
 * - A refusal of this system keeps its own code as the reason, and its status, so that a client knows when to try again.
 * - A foreign error says only that something went wrong here.
 */

export interface Refusal {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: object;
}

const DOMAIN = 'switchyard';
const ERROR_INFO = 'type.googleapis.com/google.rpc.ErrorInfo';

/** An error as the protocol's own, where it has one; undefined: it has none. */
function a2aErrorOf(error: unknown): A2AError | undefined {
  if (isA2aError(error)) return error;
  if (!(error instanceof AppError)) return undefined;
  const { message } = error;
  switch (error.code) {
    case 'not_found':
      return new TaskNotFoundError();
    case 'unsupported_media_type':
      return new ContentTypeNotSupportedError(message);
    case 'run_ended':
    case 'approval_closed':
    case 'approval_expired':
      return new UnsupportedOperationError(message);
    case 'invalid_input':
    case 'invalid_id':
    case 'invalid_cursor':
    case 'conflict': {
      const details = error.details === undefined ? '' : ` ${error.details.join('; ')}`;
      return new RequestMalformedError(`${message}${details}`);
    }
    default:
      return undefined;
  }
}

/** The error as the answer to the JSON-RPC request with this id. */
export function rpcRefusal(error: unknown, id: string | number | null): Refusal {
  const known = a2aErrorOf(error);
  if (known !== undefined)
    return { status: 200, headers: {}, body: { jsonrpc: '2.0', id, error: toJsonRpcError(known) } };
  const { code, message } = toPublicError(error);
  const { status, headers } = toProblem(error);
  const said = { code: A2A_ERROR_CODE.INTERNAL_ERROR, message, data: [detailOf(code)] };
  return { status, headers, body: { jsonrpc: '2.0', id, error: said } };
}

/** A JSON-RPC request that cannot be read as one. */
export function rpcMalformed(code: 'PARSE_ERROR' | 'INVALID_REQUEST' | 'METHOD_NOT_FOUND', message: string): object {
  return { code: A2A_ERROR_CODE[code], message };
}

/** The error as the answer over HTTP+JSON: google.rpc.Status. */
export function restRefusal(error: unknown): Refusal {
  const known = a2aErrorOf(error);
  if (known !== undefined) {
    const status = restStatusFor(known);
    return { status, headers: {}, body: toRestErrorBody(known, status) };
  }
  const { code, message } = toPublicError(error);
  const { status, headers } = toProblem(error);
  return {
    status,
    headers,
    body: { error: { code: status, status: nameOf(code), message, details: [detailOf(code)] } },
  };
}

function isA2aError(error: unknown): error is A2AError {
  return error instanceof Error && typeof (error as { toErrorInfo?: unknown }).toErrorInfo === 'function';
}

function detailOf(code: ErrorCode): ErrorDetail {
  return { '@type': ERROR_INFO, reason: code.toUpperCase(), domain: DOMAIN };
}

/** The name of a google.rpc.Code. */
function nameOf(code: ErrorCode): string {
  const { http } = ERROR_CODES[code];
  if (code === 'cancelled') return 'CANCELLED';
  if (http === 429) return 'RESOURCE_EXHAUSTED';
  if (http === 403) return 'PERMISSION_DENIED';
  if (http === 504) return 'DEADLINE_EXCEEDED';
  if (http === 503) return 'UNAVAILABLE';
  return http >= 500 ? 'INTERNAL' : 'INVALID_ARGUMENT';
}
