import { errorEvent, eventLogger, infoEvent, warnEvent } from '@switchyard/platform';

/** What this service logs; services log SHARED_LOG_EVENTS as well. */
export const LOG_EVENTS = {
  streams_not_ready: warnEvent(
    'The streams of JetStream cannot be made yet; the start waits.',
    'If it stays, check JetStream and the permissions of this login: `./switchyard doctor --only nats`.',
    'runbooks/outages.md',
  ),
  run_owner_lost: infoEvent('This replica stops working on a run: the run has another owner or has ended.'),
  run_write_refused: infoEvent('A write to the journal was refused: the run has another owner or has ended.'),
  run_event_refused: warnEvent(
    'An event was not added to the journal: it does not fit the state of the run.',
    'Nothing for a single one. If it repeats for one type, report it as a bug.',
  ),
  journal_unavailable: warnEvent(
    'The journal does not answer; the write is tried again.',
    'Check PostgreSQL: `./switchyard doctor --only postgres`.',
    'runbooks/outages.md',
  ),
  run_publish_delayed: warnEvent(
    'An event of a run was not published yet; it is tried again.',
    'Check NATS if it repeats.',
    'runbooks/outages.md',
  ),
  published_marks_failed: warnEvent(
    'How far runs are published was not recorded; their events are published again.',
    'Check PostgreSQL if it repeats.',
    'runbooks/outages.md',
  ),
  tools_unknown: warnEvent(
    'The tools of a run cannot be listed; no step of it is repeated.',
    'Check mcp-tool. The run goes on, or fails as `unavailable`.',
    'runbooks/run-stuck.md',
  ),
  run_inputs_not_read: warnEvent(
    'Inputs of a run were not read; they are read with the next wake-up.',
    'Check PostgreSQL if it repeats.',
    'runbooks/run-stuck.md',
  ),
  run_loop_failed: errorEvent(
    'The work on a run failed unexpectedly; another owner goes on with it.',
    'Report the stack in `err` as a bug. After `POISON_ATTEMPTS` the run goes to the dead letters.',
    'runbooks/dead-letters.md',
  ),
  step_unanswered: warnEvent(
    'A step got no answer.',
    'If it repeats, check the service that performs the step: mcp-tool, a2a, or the agent that the step names.',
    'runbooks/run-stuck.md',
  ),
  step_progress_dropped: warnEvent(
    'A progress message of a step was dropped: it is malformed or too much.',
    'Nothing for a single one. If it repeats, look at the service that performs the step.',
  ),
  stream_lost_messages: errorEvent(
    'The stream RUNS lost messages; runs that ended recently are published again.',
    'Find out why JetStream lost data: disk, retention, a store that was removed. Nothing is lost in PostgreSQL.',
    'runbooks/outages.md',
  ),
  runs_marked_unpublished: warnEvent(
    '{marked} runs are published again.',
    'Nothing: it follows `stream_lost_messages`.',
    'runbooks/outages.md',
  ),
  agents_unavailable: warnEvent(
    'The agents of the kind {target} are not offered: their service does not answer.',
    'Check the service of this kind, such as a2a. Runs are planned without its agents.',
    'runbooks/outages.md',
  ),
  planning_failed: warnEvent(
    'A planning failed.',
    'Check the model: `./switchyard doctor --only model`. The run tries again, or ends with the code in `err`.',
    'models.md',
  ),
  daily_usage_not_counted: warnEvent(
    'The usage of a model call is not counted for the day.',
    'Check Redis. The limits by day are as much too generous as `tokens` says.',
    'budgets.md',
  ),
  daily_limits_not_enforced: warnEvent(
    'The limits by day are not enforced: their counts are not available.',
    'Check Redis. `BUDGET_FAIL_OPEN` decides whether runs go on meanwhile.',
    'budgets.md',
  ),
  abandoned_run_cancelled: infoEvent('A run is cancelled: no client watches it any more.'),
  abandoned_runs_not_checked: warnEvent(
    'Runs that no client watches could not be cancelled; it is tried again.',
    'Check PostgreSQL if it repeats.',
    'runbooks/outages.md',
  ),
  expired_runs_removed: infoEvent('Events and runs older than their retention were removed.'),
  expired_run_unreadable: warnEvent(
    'The events of an expiring run cannot be read; its snapshot is made of its row.',
    'Look at the run in the dead letters. What it did is in the audit log.',
    'runbooks/dead-letters.md',
  ),
  expiry_failed: warnEvent(
    'Removing what is older than its retention failed; it is repeated.',
    'Check PostgreSQL if it repeats.',
    'runbooks/outages.md',
  ),
  journal_unreadable: errorEvent(
    'The journal of an ended run cannot be read.',
    'Compare the version of the orchestrators with the one that wrote the run. What it did is in the audit log.',
    'runbooks/upgrade.md',
  ),
  run_not_claimed: warnEvent(
    'A run was not claimed; the sweeper finds it.',
    'Check PostgreSQL if it repeats.',
    'runbooks/run-stuck.md',
  ),
  wake_up_not_sent: warnEvent(
    'A wake-up was not sent; the sweeper finds the run.',
    'Check NATS if it repeats.',
    'runbooks/run-stuck.md',
  ),
  run_dead_lettered: errorEvent(
    'A run made no progress and is in the dead letters.',
    'Look at it with `./switchyard dead-letters`, repair the cause, then requeue it.',
    'runbooks/dead-letters.md',
  ),
  dead_run_unreadable: warnEvent(
    'The journal of a run that goes to the dead letters cannot be read.',
    'Compare the version of the orchestrators with the one that wrote the run.',
    'runbooks/dead-letters.md',
  ),
  lease_not_released: warnEvent(
    'The lease of a run was not released; it expires.',
    'Nothing for a single one. Check PostgreSQL if it repeats.',
    'runbooks/outages.md',
  ),
  run_release_failed: errorEvent(
    'Releasing a run failed; another replica takes it when its lease expires.',
    'Report the stack in `err` as a bug.',
    'runbooks/run-stuck.md',
  ),
  leases_not_renewed: warnEvent(
    'The leases of runs were not renewed.',
    'Check PostgreSQL. The same owners go on when it answers again.',
    'runbooks/outages.md',
  ),
  sweep_failed: warnEvent(
    'A sweep for runs without an owner failed; it is repeated.',
    'Check PostgreSQL and NATS if it repeats.',
    'runbooks/outages.md',
  ),
  relay_failed: warnEvent(
    'Publishing delayed events failed; it is repeated.',
    'Check PostgreSQL and NATS if it repeats.',
    'runbooks/outages.md',
  ),
  run_unpublishable: errorEvent(
    'The events of a run cannot be published.',
    'Compare the version of the orchestrators with the one that wrote the run; report the error in `err` as a bug.',
    'runbooks/run-stuck.md',
  ),
};

export const logEvent = eventLogger(LOG_EVENTS);
