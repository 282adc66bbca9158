/* The services behind the questions about runs and threads. */

export { AcceptedRunService } from './accepted-run-service.ts';
export { DeadLetterService } from './dead-letter-service.ts';
export { DeadLettersHandler } from './dead-letters.handler.ts';
export { Expiry } from './expiry.ts';
export { ModelService } from './model-service.ts';
export { ModelHandler } from './model.handler.ts';
export { RunService } from './run-service.ts';
export { RunsHandler } from './runs.handler.ts';
export { ThreadService } from './thread-service.ts';
export { AbandonedRunReaper } from './abandoned-run-reaper.ts';
