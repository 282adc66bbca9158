/* The tools over MCP. */

export { McpEntrance } from './entrance.ts';
export { McpController } from './mcp.controller.ts';
