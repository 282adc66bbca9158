import {
  databaseSettings,
  databaseVariables,
  integer,
  list,
  serviceSettings,
  serviceVariables,
  tlsFilesOf,
  tlsVariables,
} from '@switchyard/platform';
import { isRedisAddress, REDIS_ADDRESS_FORM } from '@switchyard/redis';
import { SERVICE_MAP_VARIABLES, serviceMapOf, withoutFallback } from '@switchyard/safe-fetch';
import { z } from 'zod';
import { KeyRingText } from './oauth/vault.ts';

const HttpUrl = z.url({ protocol: /^https?$/ });
const SECRET_PREFIX = 'TOOL_SECRET_';
function secretsIn(env: Readonly<Record<string, unknown>>): Record<string, string> {
  const found = Object.entries(env).filter(([name, value]) => name.startsWith(SECRET_PREFIX) && value);
  return Object.fromEntries(found.map(([name, value]) => [name.slice(SECRET_PREFIX.length), String(value)]));
}

/** The environment of this service: one line per variable; the documentation is generated from it. */
export const Config = z
  .object({
    ...serviceVariables('mcp-tool'),
    ...databaseVariables('switchyard_mcp_tool', 5),
    REDIS_URL: z
      .string()
      .min(1)
      .optional()
      .refine(isRedisAddress, REDIS_ADDRESS_FORM)
      .describe('Redis that keeps for all replicas what users may list; unset: each keeps its own'),
    ...tlsVariables('REDIS'),
    TOOLS_DIR: z
      .string()
      .default('tools')
      .describe('Directory of *.yaml with tools; need not exist, is read again when it changes'),
    TOOLS_RELOAD_MS: integer(100, 600_000, 2_000).describe('How often the directory of tools is looked at'),
    EGRESS_ALLOW_HOSTS: list.describe(
      'Private hosts (host or host:port, comma-separated) that tools of the operator and logins may call',
    ),
    ...SERVICE_MAP_VARIABLES,
    MOCK_WEATHER_TOOL_API_KEY: z.string().optional().describe('Credential of the tool get_weather'),
    TOOL_SEARCH_ABOVE: integer(0, 100_000, 40).describe(
      'With more visible tools than this, the tool agent searches them',
    ),
    TOOL_AGENT_MAX_TURNS: integer(1, 100, 12).describe('How often the tool agent asks the model in one step'),
    GOOGLE_CLIENT_ID: z
      .string()
      .min(1)
      .optional()
      .describe('OAuth client at Google: with it gmail and google_calendar'),
    GOOGLE_CLIENT_SECRET: z.string().min(1).optional().describe('Its secret'),
    GOOGLE_API_URL: HttpUrl.optional().describe('Takes the place of Google, logins included: an emulator'),
    SLACK_CLIENT_ID: z.string().min(1).optional().describe('OAuth client at Slack: with it slack'),
    SLACK_CLIENT_SECRET: z.string().min(1).optional().describe('Its secret'),
    SLACK_API_URL: HttpUrl.optional().describe('Takes the place of Slack, logins included: an emulator'),
    AUTH_PROVIDERS_FILE: z.string().min(1).optional().describe('YAML file of the providers that users may authorise'),
    VAULT_KEYS: KeyRingText.optional().describe(
      'Keys that seal the credentials of users, name:base64 of 32 bytes, comma-separated, the newest first',
    ),
    VAULT_KEYS_FILE: z.string().min(1).optional().describe('File with the same, in place of VAULT_KEYS'),
    PUBLIC_URL: z
      .url({ protocol: /^https?$/ })
      .default('http://127.0.0.1:8000')
      .describe('Address of the gateway as browsers see it; providers send them back there'),
    OAUTH_CLIENT_METADATA_URL: z
      .url({ protocol: /^https$/ })
      .optional()
      .describe('Our client id where an authorization server reads it; default: under PUBLIC_URL, where that is https'),
    MCP_UPSTREAMS: z.string().optional().describe('YAML file of the MCP servers behind us; unset: none'),
    MCP_STATE_SECRET: z
      .string()
      .min(16)
      .optional()
      .describe('Seals what MCP upstreams want back with an answer; the same for all replicas. Unset: random'),
    EFFECT_LEASE_MS: integer(200, 60_000, 6_000).describe(
      'Time after which the effects of a process that died are in doubt or repeated',
    ),
    EFFECT_RETENTION_DAYS: integer(1, 3_650, 90).describe('Days for which known outcomes of effects are kept'),
  })
  // TOOL_SECRET_<NAME>: what a tool in a file gets as {credential.NAME}.
  .catchall(z.unknown())
  .meta({ prefixes: [SECRET_PREFIX] })
  .transform((env, context) => ({
    ...serviceSettings(env, context),
    database: databaseSettings(env, context),
    redisUrl: env.REDIS_URL,
    redisTls: tlsFilesOf('REDIS', env, context),
    tools: { directory: env.TOOLS_DIR, reloadMs: env.TOOLS_RELOAD_MS, allowHosts: env.EGRESS_ALLOW_HOSTS },
    credentials: { ...secretsIn(env), MOCK_WEATHER_TOOL_API_KEY: env.MOCK_WEATHER_TOOL_API_KEY },
    toolAgent: { searchAbove: env.TOOL_SEARCH_ABOVE, maxTurns: env.TOOL_AGENT_MAX_TURNS },
    authorisations: {
      shipped: {
        google: { clientId: env.GOOGLE_CLIENT_ID, clientSecret: env.GOOGLE_CLIENT_SECRET, url: env.GOOGLE_API_URL },
        slack: { clientId: env.SLACK_CLIENT_ID, clientSecret: env.SLACK_CLIENT_SECRET, url: env.SLACK_API_URL },
      },
      providersFile: env.AUTH_PROVIDERS_FILE,
      keys: env.VAULT_KEYS ?? [],
      keysFile: env.VAULT_KEYS_FILE,
      publicUrl: env.PUBLIC_URL,
      clientMetadataUrl: env.OAUTH_CLIENT_METADATA_URL,
      allowHosts: env.EGRESS_ALLOW_HOSTS,
      lookEveryMs: 2_000,
    },
    upstreams: { file: env.MCP_UPSTREAMS, stateSecret: env.MCP_STATE_SECRET, lookEveryMs: 2_000 },
    // AZTM_DEFAULT_SERVICE means agents; tools, logins and MCP servers go over XMPP only where their host is named.
    serviceMap: withoutFallback(serviceMapOf(env)),
    effects: { leaseMs: env.EFFECT_LEASE_MS, keepMs: env.EFFECT_RETENTION_DAYS * 86_400_000 },
  }));
export type McpToolConfig = z.output<typeof Config>;
