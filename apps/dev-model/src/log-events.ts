import { eventLogger, infoEvent } from '@switchyard/platform';

/** What this service logs; services log SHARED_LOG_EVENTS as well. */
export const LOG_EVENTS = {
  dev_model_listening: infoEvent('The development model listens.'),
};

export const logEvent = eventLogger(LOG_EVENTS);
