/* The tools over MCP. */

export { LazyMcpRouter } from './lazy-router.ts';
export { McpController } from './mcp.controller.ts';
