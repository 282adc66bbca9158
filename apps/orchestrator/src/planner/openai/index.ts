/* A planner over the OpenAI protocol, which many model servers speak with variations. */

export { createOpenAiPlanner } from './planner.ts';
export { promptTokens } from './usage.ts';
