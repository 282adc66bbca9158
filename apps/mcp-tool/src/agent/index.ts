/* The tool agent: performs a step by planning tool calls of its own. */

export { AgentJournal } from './journal.ts';
export { StepAgent } from './step-agent.ts';
export { StepHandler } from './step.handler.ts';
export { ToolAgent } from './tool-agent.ts';
