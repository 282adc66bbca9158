import { createHash } from 'node:crypto';
import type { Environment } from './environment.ts';

/** Settings that a running stack was started with, and that a later call may ask to be different. */
const SETTINGS = [
  'OPENAI_API_KEY',
  'OPENAI_BASE_URL',
  'OPENAI_MODEL',
  'NATS_URL',
  'DATABASE_URL',
  'REDIS_URL',
  'A2A_AGENTS',
  'IDENTITY_MODE',
  'GATEWAY_PORT',
  'GATEWAY_HOST',
  'SWITCHYARD_REPLICAS',
  'USE_ORCHESTRATOR_AGENT',
  'DISALLOWED_KEYWORDS',
  'MAX_ITERATIONS_PER_TURN',
  'MODEL_PRICES',
  'USER_DAILY_TOKENS',
  'USER_DAILY_USD',
  'TENANT_DAILY_TOKENS',
  'TENANT_DAILY_USD',
  'DAILY_LIMITS_BY_TENANT',
  'SERVICE_MAP',
  'TOOLS_DIR',
  'EGRESS_ALLOW_HOSTS',
  'MCP_UPSTREAMS',
  'MCP_STATE_SECRET',
  'MCP_AUDIENCE',
  'MCP_PUBLIC_URL',
  'AUTH_PROVIDERS_FILE',
  'VAULT_KEYS',
  'VAULT_KEYS_FILE',
  'PUBLIC_URL',
  'TOOL_SEARCH_ABOVE',
  'TOOL_AGENT_MAX_TURNS',
  'LOG_LEVEL',
  'OTEL_EXPORTER_OTLP_ENDPOINT',
] as const;

const shortHash = (value: string): string => createHash('sha256').update(value).digest('hex').slice(0, 12);

/** Whatever says how the bridge logs in and whom it lets in, and the credentials of tools and providers. */
function namesByPattern(environment: Environment): string[] {
  const pattern = /^(AZTM_|XMPP_(HOST|PORT|DOMAIN|URL)$|TOOL_SECRET_)|_TOOL_API_KEY$|_CLIENT_SECRET$/;
  return Object.keys(environment).filter((name) => pattern.test(name));
}

/** Name -> short hash of every setting that the environment names. */
export function settingsOf(environment: Environment): Record<string, string> {
  return Object.fromEntries(
    [...SETTINGS, ...namesByPattern(environment)].flatMap((name) => {
      const value = environment[name];
      return value ? [[name, shortHash(value)] as const] : [];
    }),
  );
}

/**
 * The settings that this call asks for and the running stack does not have. What this call does not mention stays
 * as it is: a second shell without the variables uses the stack as it runs.
 */
export function changedSettings(
  running: Readonly<Record<string, string>>,
  asked: Readonly<Record<string, string>>,
): string[] {
  return Object.keys(asked).filter((name) => running[name] !== asked[name]);
}

const DEFAULT_GATEWAY_PORT = 8000;

/** Where the gateway is to listen. Throws a message for the person. */
export function gatewayAddress(environment: Environment): { host: string; port: number } {
  const text = environment['GATEWAY_PORT'] || String(DEFAULT_GATEWAY_PORT);
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new Error(`GATEWAY_PORT must be 1 to 65535; it is "${text}"`);
  return { host: environment['GATEWAY_HOST'] || '127.0.0.1', port };
}

/** One line about the model that plans. */
export function modelLine(environment: Environment): string {
  const { OPENAI_API_KEY: key, OPENAI_BASE_URL: url, OPENAI_MODEL: model = 'gpt-4.1-mini' } = environment;
  if (!key) return 'apps/dev-model, a deterministic stand-in: OPENAI_API_KEY is not set';
  return `${model} at ${url || 'https://api.openai.com/v1'}`;
}
