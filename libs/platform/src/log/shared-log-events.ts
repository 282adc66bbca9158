import { errorEvent, fatalEvent, infoEvent, warnEvent } from './log-event.ts';

/** Log events of several services. */
export const SHARED_LOG_EVENTS = {
  service_started: infoEvent('The service is ready.'),
  service_stopping: infoEvent('The service stops.'),
  process_crashed: fatalEvent(
    'An unhandled error ends this process.',
    'The process is started again by its supervisor. Report the stack in `err` as a bug.',
  ),
  shutdown_part_late: warnEvent(
    'A part of the service did not stop in time.',
    'Nothing for a single one. If each stop ends so, raise `DRAIN_TIMEOUT_MS` and with it the time that the container platform gives.',
  ),
  shutdown_part_failed: warnEvent(
    'A part of the service did not stop cleanly.',
    'Nothing for a single one: leases and connections expire by themselves. Report the error in `err` if it repeats.',
  ),
  log_part_unknown: warnEvent('A level in LOG_LEVELS has no effect. {why}', 'Correct the name in `LOG_LEVELS`.'),
  library_reported: infoEvent('A library says: {text}'),
  library_warned: warnEvent('A library warns: {text}', 'Read the text; it comes from a dependency named by `source`.'),
  library_failed: errorEvent(
    'A library reports an error: {text}',
    'Read the text; it comes from a dependency named by `source`. Report it if requests fail at the same time.',
  ),
  redis_unreachable: warnEvent(
    'Redis does not answer; {effect}.',
    'Check Redis and its network (`./switchyard doctor --only redis`). The service reconnects by itself.',
    'runbooks/outages.md',
  ),
  redis_recovered: infoEvent('Redis answers again.'),
  tls_files_unusable: warnEvent(
    'The TLS files for {server} cannot be used; the files read before stay in use. {why}',
    'Nothing in the middle of a change of certificates. Else replace the file that `why` names before the one in use expires; no restart is needed.',
    'mtls.md',
  ),
  system_event_publish_failed: warnEvent(
    'A system event was not published.',
    'Check NATS (`./switchyard doctor --only nats`). The event named by `type` is missing on the bus and in the audit log.',
    'runbooks/outages.md',
  ),
  system_events_dropped: warnEvent(
    '{count} system events were dropped.',
    'If it repeats, check NATS first; else the load is above what is recorded one by one. The events are missing in the audit log.',
    'logs.md',
  ),
} as const;
