export { createMcpTool, type McpToolOverrides } from './app.ts';
export { Config, type McpToolConfig } from './config.ts';
export { defineTool, type ToolDefinition } from './define-tool.ts';
export { keyHeaders, keyMeta } from './downstream.ts';
export { type Tool, type ToolContext, ToolError } from './tool.ts';
export type { ProviderAuthorisations, ProviderStatus } from './visibility.ts';
