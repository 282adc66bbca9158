/* The definition of a tool, its arguments and output, and how a call of it ends. */

export { boundArguments, DEFAULT_OUTPUT_BYTES } from './bound-output.ts';
export type { CallRequest, Performed } from './call.ts';
export { presentable, recordable } from './clean-output.ts';
export { compileSchema } from './compile-schema.ts';
export { defineTool, type ToolDefinition } from './define-tool.ts';
export { keyHeaders, keyMeta } from './downstream.ts';
export { toolName } from './name.ts';
export {
  type Ending,
  failed,
  inDoubt,
  mayHaveEffect,
  notBegun,
  outcomeWithoutOutput,
  toolFailed,
  withoutMcp,
} from './outcome.ts';
export { OPERATORS, UNTRUSTED_SCHEMA } from './schema-bounds.ts';
export {
  type Checked,
  makeTool,
  type Question,
  type Tool,
  type ToolContext,
  type ToolData,
  ToolError,
  type Trust,
} from './tool.ts';
