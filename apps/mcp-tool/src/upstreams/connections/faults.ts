import { AppError } from '@switchyard/contracts';
import { mcpSdk } from '../../common/index.ts';
import { challengedIn } from '../../oauth/index.ts';

/*
 * What an error of an upstream means. Pure.
 *
 * `refused`      it said no, and did nothing: not its fault, and no reason to try another way.
 * `unauthorised` it wants another token.
 * `session`      it does not know this session any more; it did nothing.
 * `away`         it could not be reached; it did nothing.
 * `broken`       something broke on the way: whether it did anything is not known.
 * `caller`       we stopped it.
 */
export type Fault = 'refused' | 'unauthorised' | 'session' | 'away' | 'broken' | 'caller';

/** JSON-RPC codes that are given before anything is done. */
const BEFORE: ReadonlySet<number> = new Set([-32700, -32600, -32601, -32602, -32002, -32020, -32021, -32022, -32042]);
const NOT_REACHED = /ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT|ENOENT|EACCES/;

export function faultOf(error: unknown, signal?: AbortSignal): Fault {
  if (signal?.aborted) return 'caller';
  if (challengedIn(error)) return 'unauthorised';
  if (error instanceof AppError)
    switch (error.code) {
      case 'cancelled':
        return 'caller';
      case 'credentials_missing':
      case 'provider_not_connected':
      case 'forbidden':
        return 'unauthorised';
      case 'egress_blocked':
      case 'unavailable':
        return 'away';
      default:
        return notReached(error) ? 'away' : 'broken';
    }
  const { ProtocolError, SdkError, SdkErrorCode, SdkHttpError, UnauthorizedError } = mcpSdk();
  if (error instanceof ProtocolError) return BEFORE.has(error.code) ? 'refused' : 'broken';
  if (error instanceof UnauthorizedError) return 'unauthorised';
  if (error instanceof SdkHttpError) {
    if (error.status === 401 || error.status === 403) return 'unauthorised';
    if (error.status === 404) return 'session';
    return error.status >= 400 && error.status < 500 && error.status !== 408 ? 'refused' : 'broken';
  }
  if (error instanceof SdkError)
    switch (error.code) {
      case SdkErrorCode.NotConnected:
      case SdkErrorCode.CapabilityNotSupported:
      case SdkErrorCode.MethodNotSupportedByProtocolVersion:
        return 'refused';
      default:
        return notReached(error) ? 'away' : 'broken';
    }
  return notReached(error) ? 'away' : 'broken';
}

function notReached(error: unknown): boolean {
  let link = error;
  for (let depth = 0; depth < 8 && typeof link === 'object' && link !== null; depth += 1) {
    const { code, cause } = link as { code?: unknown; cause?: unknown };
    if (typeof code === 'string' && NOT_REACHED.test(code)) return true;
    if (link instanceof AggregateError && link.errors.some(notReached)) return true;
    link = cause;
  }
  return false;
}

/** True for faults that count against the upstream's health. */
export function isItsFault(fault: Fault): boolean {
  return fault === 'away' || fault === 'broken';
}
