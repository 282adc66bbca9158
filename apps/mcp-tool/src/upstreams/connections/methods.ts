import type { Client } from '@modelcontextprotocol/client';
import type { McpMethod } from '@switchyard/contracts';
import { type Ask, options } from './ask.ts';

/* The MCP requests beside tool calls, as calls of the SDK. The SDK's own list cache is not used. */

/** The capability that an upstream with such a list announces. */
export const LISTS: Partial<Record<McpMethod, 'resources' | 'prompts'>> = {
  'resources/list': 'resources',
  'resources/templates/list': 'resources',
  'prompts/list': 'prompts',
};

type Answer = Record<string, unknown>;

/** Returns the upstream's answer unchanged. */
export function requestOf(client: Client, method: McpMethod, params: Answer, ask: Ask): Promise<Answer> {
  const how = { ...options(ask), allowInputRequired: true };
  const fresh = { ...how, cacheMode: 'refresh' as const };
  const answer = (): Promise<object> => {
    switch (method) {
      case 'resources/list':
        return client.listResources(undefined, fresh);
      case 'resources/templates/list':
        return client.listResourceTemplates(undefined, fresh);
      case 'prompts/list':
        return client.listPrompts(undefined, fresh);
      case 'resources/read':
        return client.readResource(params as Parameters<Client['readResource']>[0], fresh);
      case 'prompts/get':
        return client.getPrompt(params as Parameters<Client['getPrompt']>[0], how);
      case 'completion/complete':
        return client.complete(params as Parameters<Client['complete']>[0], options(ask));
    }
  };
  return answer() as Promise<Answer>;
}
