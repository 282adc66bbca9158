export { createMcpTool, type McpToolOverrides } from './app.ts';
export { Config, type McpToolConfig } from './config.ts';
export {
  defineTool,
  keyHeaders,
  keyMeta,
  type Tool,
  type ToolContext,
  type ToolDefinition,
  ToolError,
} from './tool/index.ts';
export type { ProviderAuthorisations, ProviderStatus } from './catalog/index.ts';
