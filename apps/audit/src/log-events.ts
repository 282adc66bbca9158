import { errorEvent, eventLogger, infoEvent, warnEvent } from '@switchyard/platform';

/** The log events of this service; services log SHARED_LOG_EVENTS as well. */
export const LOG_EVENTS = {
  audit_started: infoEvent('The audit log takes records.'),
  log_tree_off: infoEvent(
    'The log tree is off, and no file of it is written: set LOG_TREE_DIR to a folder that this service may write to.',
    'Nothing, unless you want the log tree.',
    'logs.md',
  ),
  audit_record_conflict: errorEvent(
    'The audit log holds records with another content than what happened; somebody else wrote them.',
    'Treat it as an attack: change the database login of audit, and keep a copy of the tables first. `ids` names the records.',
    'monitoring.md',
  ),
  audit_completion_paused: warnEvent(
    'The journal does not answer; the audit log is completed later.',
    'Check the orchestrators if it repeats. The journal has everything meanwhile.',
    'runbooks/outages.md',
  ),
  audit_run_incomplete: warnEvent(
    'The records of a run cannot be completed from the journal.',
    'Nothing where the events of the run have expired (`why`). Else look at the run in the dead letters.',
    'runbooks/dead-letters.md',
  ),
  audit_completion_failed: warnEvent(
    'Completing the audit log failed; it is repeated.',
    'If it repeats, fix what `err` names, mostly PostgreSQL or NATS.',
    'runbooks/outages.md',
  ),
  audit_gap_open: warnEvent(
    'Events of a run are missing and could not be read from the journal yet.',
    'Nothing for a single one: they are read later. If it repeats, check the orchestrators.',
    'runbooks/outages.md',
  ),
  audit_runs_recovered: warnEvent(
    'The bus told nothing of {runs} runs; they were read from the journal.',
    'Nothing after an outage of audit or of the bus. Else raise `RUNS_STREAM_MAX_EVENTS`: audit is slower than the bus forgets.',
    'runbooks/outages.md',
  ),
  audit_records_expired: infoEvent('Records older than AUDIT_RETENTION_DAYS were removed.'),
  audit_upkeep_failed: warnEvent(
    'Upkeep of the audit log failed ({work}); it is repeated.',
    'If it repeats, fix what `err` names: PostgreSQL, or the disk of the log tree.',
    'runbooks/outages.md',
  ),
  log_tree_pruned: infoEvent('Old folders of the log tree were removed.'),
  log_tree_over_limit: warnEvent(
    'The log tree is larger than LOG_TREE_MAX_MB, and all its runs are under way.',
    'Raise `LOG_TREE_MAX_MB`, or give the disk more room.',
    'logs.md',
  ),
  log_tree_write_failed: errorEvent(
    'The log tree cannot be written; the audit log goes on without it.',
    'Check the disk and the permissions of `LOG_TREE_DIR`. The events are in the audit log.',
    'logs.md',
  ),
  log_tree_write_resumed: warnEvent(
    'The log tree is written again; it lacks {skipped} events, which are in the audit log.',
    'Nothing: `GET /audit` has the missing events.',
    'logs.md',
  ),
};

export const logEvent = eventLogger(LOG_EVENTS);
