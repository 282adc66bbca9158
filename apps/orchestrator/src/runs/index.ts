/* What is asked about runs and threads, and what is done at their edges. */

export { DeadLetterDesk } from './dead-letter-desk.ts';
export { DeadLettersHandler } from './dead-letters.handler.ts';
export { Expiry } from './expiry.ts';
export { ModelDesk } from './model-desk.ts';
export { ModelHandler } from './model.handler.ts';
export { RunDesk } from './run-desk.ts';
export { RunsHandler } from './runs.handler.ts';
export { ThreadDesk } from './thread-desk.ts';
export { WatchDesk } from './watch-desk.ts';
