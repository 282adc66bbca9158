type McpSdk = typeof import('@modelcontextprotocol/client');

let sdk: McpSdk | undefined;

/**
 * Loads the client of the MCP SDK at the first call. It would be a quarter of the memory and of the start time of a service
 * without upstreams. So the service loads it with a file that names upstreams, or when a caller asks what a server wants.
 */
export async function loadMcpSdk(): Promise<void> {
  sdk ??= await import('@modelcontextprotocol/client');
}

/** The client of the MCP SDK. Throws where `loadMcpSdk` was not called before. */
export function mcpSdk(): McpSdk {
  if (!sdk) throw new Error('the MCP SDK is used before it was loaded');
  return sdk;
}
