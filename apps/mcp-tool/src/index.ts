export { createMcpTool, type McpToolOverrides } from './app.ts';
export { Config, type McpToolConfig } from './config.ts';
export { defineTool, type Tool, type ToolContext, type ToolDefinition, ToolError } from './define-tool.ts';
export { keyHeaders, keyMeta } from './downstream.ts';
