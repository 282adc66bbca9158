/* A task that is handed to an agent: sent, followed, read, and its outcome told. */

export { agentFetch } from './agent-fetch.ts';
export { Delegator, type DelegatorParts } from './delegator.ts';
export { sendFailure } from './send-failure.ts';
export { StepHandler } from './step.handler.ts';
