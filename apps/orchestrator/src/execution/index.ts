/* The loop of one run: decide the next action, perform it, append the outcome. */

export { decisionBody, objectionToAnswer } from './inputs.ts';
export { momentOf } from './lease.ts';
export type { LoopEnd, OwnedRun } from './owned-run.ts';
export { Publisher } from './publisher.ts';
export { type LoopParts, RunLoop } from './run-loop.ts';
export { RunMetrics } from './run-metrics.ts';
export { StreamWatch } from './stream-watch.ts';
export { Toolboxes } from './toolboxes.ts';
