import type { AgentInfo, Principal, ToolInfo } from '@switchyard/contracts';
import type { IdentityMode } from '../identity/index.ts';

/*
 * The agent cards as JSON. Pure.
 *
 * - The public card says where the agent is and what it speaks, and nothing about its tools.
 * - The extended card says to one caller which tools and agents it may use, as skills.
 */

export interface CardFacts {
  /** Where clients reach the gateway, without a slash at its end. */
  readonly url: string;
  readonly name: string;
  readonly version: string;
  readonly identity: IdentityMode;
}

/** More would not be read; a client that wants all asks GET /tools. */
const MAX_SKILLS = 256;
const MAX_DESCRIPTION_CHARS = 512;
const MODES = ['text/plain', 'application/json'];
const IMAGE_MODES = ['image/png', 'image/jpeg', 'image/gif', 'image/webp'];

const RUN_SKILL = {
  id: 'run',
  name: 'Run a task',
  description:
    'Plans a task given in words and performs it with tools and other agents. Asks back where it needs a decision.',
  tags: ['planning', 'tools', 'delegation'],
  examples: ['What is 21 * 2? Keep the answer as a note.'],
};

export function publicCard(facts: CardFacts): object {
  return card(facts, [RUN_SKILL], undefined);
}

export function extendedCard(
  facts: CardFacts,
  { tenantId }: Pick<Principal, 'tenantId'>,
  tools: readonly ToolInfo[],
  agents: readonly AgentInfo[],
): object {
  const skills = [...tools.map(toolSkill), ...agents.map(agentSkill)];
  return card(facts, [RUN_SKILL, ...skills.slice(0, MAX_SKILLS)], tenantId);
}

function card(
  { url, name, version, identity }: CardFacts,
  skills: readonly object[],
  tenant: string | undefined,
): object {
  const protocolVersion = '1.0';
  return {
    name,
    description: 'Runs tasks by planning with a language model and acting through tools and other agents.',
    version,
    supportedInterfaces: [
      { url: `${url}/a2a`, protocolBinding: 'JSONRPC', protocolVersion, ...(tenant === undefined ? {} : { tenant }) },
      { url: `${url}/a2a/v1`, protocolBinding: 'HTTP+JSON', protocolVersion },
    ],
    provider: { organization: name, url },
    documentationUrl: `${url}/docs`,
    capabilities: { streaming: true, pushNotifications: false, extendedAgentCard: true },
    ...security(identity),
    defaultInputModes: [...MODES, ...IMAGE_MODES],
    defaultOutputModes: MODES,
    skills,
  };
}

function security(identity: IdentityMode): object {
  const scheme =
    identity === 'dev'
      ? { apiKeySecurityScheme: { location: 'header', name: 'X-User-Id', description: 'Development: any user id' } }
      : { httpAuthSecurityScheme: { scheme: 'Bearer', bearerFormat: 'JWT' } };
  const name = identity === 'dev' ? 'user' : 'bearer';
  return { securitySchemes: { [name]: scheme }, securityRequirements: [{ schemes: { [name]: { list: [] } } }] };
}

function toolSkill({ name, title, description, provider, kind }: ToolInfo): object {
  return {
    id: `tool:${name}`,
    name: title ?? name,
    description: description.slice(0, MAX_DESCRIPTION_CHARS),
    tags: ['tool', provider, kind],
  };
}

function agentSkill({ id, name, description }: AgentInfo): object {
  return { id: `agent:${id}`, name, description: description.slice(0, MAX_DESCRIPTION_CHARS), tags: ['agent'] };
}
