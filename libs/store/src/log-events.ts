import { eventLogger, warnEvent } from '@switchyard/platform';

/** The log events of this library; services log SHARED_LOG_EVENTS as well. */
export const LOG_EVENTS = {
  database_connection_broken: warnEvent(
    'A connection to PostgreSQL broke.',
    'Nothing for a single one. If it repeats, check PostgreSQL and the network: `./switchyard doctor --only postgres`.',
    'runbooks/outages.md',
  ),
  database_connections_renewed: warnEvent(
    'PostgreSQL does not answer; its connections are opened again.',
    'Check PostgreSQL, the network and whatever is between (pooler, load balancer, NAT).',
    'runbooks/outages.md',
  ),
};

export const logEvent = eventLogger(LOG_EVENTS);
