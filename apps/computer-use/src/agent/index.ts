/* The loop of a step: what the model decides, what the hands do, and what is written down. */

export type { Coordinates } from './coordinates.ts';
export { StepHandler } from './step.handler.ts';
export { StepAgent, type StepSettings } from './step-agent.ts';
