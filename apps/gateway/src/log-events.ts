import { errorEvent, eventLogger, infoEvent, warnEvent } from '@switchyard/platform';

/** What this service logs; services log SHARED_LOG_EVENTS as well. */
export const LOG_EVENTS = {
  gateway_listening: infoEvent('The gateway listens.'),
  http_request_crashed: errorEvent(
    'An HTTP request failed because of a bug.',
    'Report the stack in `err` as a bug. The client got the code `internal`.',
  ),
  http_request_failed: warnEvent(
    'An HTTP request could not be answered by the services behind the gateway.',
    'If it repeats, check the service that `code` and `err` name, and NATS: `./switchyard doctor`.',
    'runbooks/outages.md',
  ),
  stream_failed: errorEvent(
    'A stream to a client failed because of a bug.',
    'Report the stack in `err` as a bug. The client connects again and goes on from its last event.',
  ),
  watch_not_renewed: warnEvent(
    'The orchestrators do not know that this run is watched; they are asked again.',
    'If it repeats, check the orchestrators and NATS: a run that nobody watches may be cancelled.',
    'runbooks/outages.md',
  ),
};

export const logEvent = eventLogger(LOG_EVENTS);
