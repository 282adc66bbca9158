import { eventLogger, infoEvent, warnEvent } from '@switchyard/platform';

/** The log events of this service; services log SHARED_LOG_EVENTS as well. */
export const LOG_EVENTS = {
  screens_ready: infoEvent('{sessions} screens may be open at once.'),
  step_failed: warnEvent(
    'A step of the computer-use agent failed.',
    'Read `code` in the reference of error codes, and the frames of the run for what was on the screen.',
    'computer-use.md',
  ),
  step_not_left: warnEvent(
    'A step could not be given back; its lease runs out by itself.',
    'See that PostgreSQL answers.',
    'monitoring.md',
  ),
  screen_not_closed: warnEvent(
    'A screen could not be taken down whole.',
    'Look for processes of the accounts of sessions; the next start of the service ends them.',
    'computer-use.md',
  ),
  removal_failed: warnEvent(
    'Old frames and sessions could not be removed.',
    'See that PostgreSQL answers; it is tried again.',
    'monitoring.md',
  ),
};

export const logEvent = eventLogger(LOG_EVENTS);
