/* The loop of a step: what the model decides, what the hands do, and what is written down. */

export { StepHandler } from './step.handler.ts';
export { StepAgent } from './step-agent.ts';
