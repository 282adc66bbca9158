/* Runs over HTTP. */

export { mintRunId } from './mint.ts';
export { OrchestrateController } from './orchestrate.controller.ts';
export { budgetOf, constraintsOf, given, sessionThread, toStartRun, USER_THREAD } from './requests.ts';
export { RunsController } from './runs.controller.ts';
export { spokenAnswer } from './spoken-answer.ts';
