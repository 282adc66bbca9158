type McpSdk = typeof import('@modelcontextprotocol/client');

let sdk: McpSdk | undefined;

/**
 * Loads the client of the MCP SDK, the first time. It is a quarter of the memory and of the start of a service that has
 * no upstreams, so it comes with the file that names some, or when somebody asks what a server wants.
 */
export async function loadMcpSdk(): Promise<void> {
  sdk ??= await import('@modelcontextprotocol/client');
}

/** For whoever speaks with a server: it is loaded by then. */
export function mcpSdk(): McpSdk {
  if (!sdk) throw new Error('the MCP SDK is used before it was loaded');
  return sdk;
}
