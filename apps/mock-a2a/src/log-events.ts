import { eventLogger, infoEvent } from '@switchyard/platform';

/** What this service logs; services log SHARED_LOG_EVENTS as well. */
export const LOG_EVENTS = {
  mock_agent_listening: infoEvent('The mock agent listens.'),
  mock_agent_on_bus: infoEvent('The mock agent answers peers over NATS.'),
  mock_agent_asked: infoEvent('A peer sent a request to the mock agent.'),
};

export const logEvent = eventLogger(LOG_EVENTS);
