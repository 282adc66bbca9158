/* A delegated task: sent, followed, read, and its outcome reported. */

export { agentFetch } from './agent-fetch.ts';
export { Delegator, type DelegatorParts } from './delegator.ts';
export { sendFailure } from './send-failure.ts';
export { StepHandler } from './step.handler.ts';
