/* One call of a tool, from the request to its answer. */

export { Executor } from './executor.ts';
export { OpenCalls } from './open-calls.ts';
export { ToolsHandler } from './tools.handler.ts';
