/* A planner over the interface of OpenAI, which many model servers speak, each in its own way. */

export { createOpenAiPlanner } from './planner.ts';
export { promptTokens } from './usage.ts';
