import { eventLogger, warnEvent } from '@switchyard/platform';

/** The log events of this library; services log SHARED_LOG_EVENTS as well. */
export const LOG_EVENTS = {
  outbound_call_refused: warnEvent(
    'An outbound call was not made.',
    'Read `err`. A host that is meant to be reached on a private network belongs into `EGRESS_ALLOW_HOSTS`.',
    'security.md',
  ),
};

export const logEvent = eventLogger(LOG_EVENTS);
