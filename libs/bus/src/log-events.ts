import { errorEvent, eventLogger, infoEvent, warnEvent } from '@switchyard/platform';

/** The log events of this library; services log SHARED_LOG_EVENTS as well. */
export const LOG_EVENTS = {
  bus_unreachable: warnEvent(
    'NATS does not answer yet; the service keeps trying to connect.',
    'Check that NATS runs at the address in `url` and takes the login (`code`, `why`): `./switchyard doctor --only nats`.',
    'runbooks/outages.md',
  ),
  bus_disconnected: warnEvent(
    'The connection to NATS is lost; the service reconnects.',
    'Check NATS if `bus_reconnected` does not follow within a minute.',
    'runbooks/outages.md',
  ),
  bus_reconnected: infoEvent('The connection to NATS is back.'),
  bus_subscription_refused: errorEvent(
    'NATS refused a subscription.',
    'Give the login of this service the permissions in infra/nats/permissions.conf, and load them into NATS.',
    'runbooks/bus-keys.md',
  ),
  bus_publish_not_permitted: errorEvent(
    'NATS does not permit this service to publish on a subject.',
    'Give the login of this service the permissions in infra/nats/permissions.conf, and load them into NATS.',
    'runbooks/bus-keys.md',
  ),
  bus_error_reported: warnEvent(
    'NATS reports an error on the connection.',
    'Read `detail`. A permission error needs the login of this service in NATS changed.',
    'runbooks/bus-keys.md',
  ),
  bus_trust_open: warnEvent(
    'BUS_TRUST=open: requests are neither signed nor checked, so whoever reaches NATS can act for any user.',
    'Set `BUS_KEYS` and remove `BUS_TRUST=open`, except on a machine of your own.',
    'runbooks/bus-keys.md',
  ),
  bus_message_failed: errorEvent(
    'A message from NATS was not handled because of a bug.',
    'Report the stack in `err` as a bug.',
  ),
  bus_listener_failed: errorEvent(
    'A listener to the state of the connection failed because of a bug.',
    'Report the stack in `err` as a bug.',
  ),
  bus_message_malformed: warnEvent(
    'A malformed message was skipped.',
    'Find out who publishes on this subject: a login that is used for something else, or a service of another version.',
    'runbooks/bus-keys.md',
  ),
  bus_batch_redelivered: warnEvent(
    'Messages were not handled; they are delivered again.',
    'Nothing for a single one. If it repeats, fix what `err` names, mostly PostgreSQL.',
    'runbooks/outages.md',
  ),
  wake_up_malformed: warnEvent(
    'A malformed wake-up was dropped.',
    'Find out who publishes on this subject. The run is found by the sweeper.',
    'runbooks/bus-keys.md',
  ),
  wake_up_failed: warnEvent(
    'A wake-up of a run was not handled; it is delivered again.',
    'Nothing for a single one. If it repeats, fix what `err` names, mostly PostgreSQL.',
    'runbooks/run-stuck.md',
  ),
  consumer_failed: warnEvent(
    'A JetStream consumer failed; it is set up again.',
    'If it repeats, check JetStream: `./switchyard doctor --only nats`.',
    'runbooks/outages.md',
  ),
  consumer_ahead_of_stream: errorEvent(
    'A JetStream consumer is ahead of its stream, which lost messages; the consumer is made again.',
    'Find out why JetStream lost data (`stream`, `delivered`, `last`). The services publish recent runs again by themselves.',
    'runbooks/outages.md',
  ),
  consumer_recreated: warnEvent(
    'A JetStream consumer has settings that cannot be changed; it is made again.',
    'Nothing after an upgrade. Else find out who changed the consumer.',
    'runbooks/upgrade.md',
  ),
  run_event_malformed: warnEvent(
    'A message in the stream of a run is no event; the journal is asked instead.',
    'Find out who publishes on this subject.',
    'runbooks/bus-keys.md',
  ),
  live_text_reader_failed: warnEvent(
    'A reader of live text failed because of a bug.',
    'Report the stack in `err` as a bug. The events of the run still reach the client.',
  ),
  journal_read_failed: warnEvent(
    'The journal of a run was not read; it is read again.',
    'If it repeats, check the orchestrators and their PostgreSQL.',
    'runbooks/outages.md',
  ),
  lease_holder_unknown: warnEvent(
    'The holder of a lease is not known at the moment.',
    'If it repeats, check JetStream: `./switchyard doctor --only nats`.',
    'runbooks/outages.md',
  ),
  rpc_request_failed: errorEvent(
    'A request failed because of a bug.',
    'Report the stack in `err` as a bug. The caller got the code `internal`.',
  ),
  rpc_request_dropped: warnEvent(
    'A request was dropped: its answer would have gone to an inbox that does not belong to a caller.',
    'Somebody uses a login of the bus for what it is not meant for: change that login.',
    'runbooks/bus-keys.md',
  ),
  rpc_answer_not_sent: warnEvent(
    'An answer could not be sent.',
    'If it repeats, check NATS. The caller times out and may ask again.',
    'runbooks/outages.md',
  ),
};

export const logEvent = eventLogger(LOG_EVENTS);
