import { AppError } from '@switchyard/contracts';
import { ExchangeError } from '../wire/index.ts';
import { StreamCut } from '../http-over-xmpp/ibb.ts';
import { IqError } from '../session/index.ts';

/** Translates a refusal of XMPP for an HTTP caller. Pure. */
export function toAppError(error: unknown, jid: string): AppError {
  if (error instanceof AppError) return error;
  if (error instanceof ExchangeError) {
    if (error.status === 413) return new AppError('payload_too_large', error.message);
    if (error.status === 415) return new AppError('unsupported_media_type', error.message);
    if (error.status < 500) return new AppError('invalid_input', error.message);
    return new AppError('upstream_failed', error.message, { cause: error });
  }
  if (error instanceof StreamCut) return new AppError('upstream_failed', 'The answer was cut off.', { cause: error });
  if (!(error instanceof IqError)) return new AppError('internal', undefined, { cause: error });
  switch (error.code) {
    case 'deadline':
      return new AppError('upstream_timeout', `${jid} did not answer in time.`);
    case 'cancelled':
      return new AppError('cancelled');
    case 'too_many':
      return new AppError('overloaded');
    case 'peer_lost':
      return new AppError('upstream_failed', `${jid} went away while it worked; ${OUTCOME_UNKNOWN}`);
    case 'connection_lost':
      return error.effect === 'not_sent'
        ? new AppError('unavailable', 'The AZTM login was lost before the request was sent.')
        : new AppError('upstream_failed', `The AZTM login was lost while ${jid} worked; ${OUTCOME_UNKNOWN}`);
    case 'unreadable':
      return new AppError('upstream_failed', `${jid} answered with a stanza that is too large or nested too deep.`);
    case 'refused':
      return refusal(error.condition, jid);
  }
}

const OUTCOME_UNKNOWN = 'whether the request was performed is not known.';

/** True if the peer is offline, as far as the server can say. */
export function isOffline(error: unknown): boolean {
  return error instanceof IqError && error.code === 'refused' && OFFLINE.has(error.condition);
}

const OFFLINE: ReadonlySet<string> = new Set(['service-unavailable', 'recipient-unavailable', 'item-not-found']);

function refusal(condition: string, jid: string): AppError {
  if (OFFLINE.has(condition))
    return new AppError('agent_unreachable', `${jid} is offline, or there is no such account.`);
  switch (condition) {
    case 'remote-server-not-found':
      return new AppError('agent_unreachable', `The domain of ${jid} cannot be reached.`);
    case 'remote-server-timeout':
      return new AppError('upstream_timeout', `The domain of ${jid} did not answer.`);
    case 'forbidden':
    case 'not-allowed':
      return new AppError('forbidden', `${jid} does not let us call it.`);
    case 'feature-not-implemented':
      return new AppError('not_supported', `${jid} does not take HTTP requests over XMPP.`);
    case 'policy-violation':
      return new AppError('payload_too_large', 'The XMPP server refused the size of this request.');
    default:
      return new AppError('upstream_failed', `${jid} refused the request (${condition.slice(0, 60)}).`);
  }
}

/**
 * True if a peer let the deadline of a call pass. Two clocks watch the deadline, that of the IQ and that of the call;
 * the call is late whichever fires first.
 */
export function isLate(error: unknown, deadline: number, now: number): boolean {
  if (!(error instanceof IqError)) return false;
  return error.code === 'deadline' || (error.code === 'cancelled' && error.effect === 'unknown' && now >= deadline);
}
