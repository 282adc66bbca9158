import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import type { AppName } from '@switchyard/contracts';
import type { Canaries } from './canaries.ts';
import { AUDIENCE, ISSUER, type Issuer } from './issuer.ts';

/* The services of the stack and their settings: each gets only its own. */

export type GatewayMode = 'dev' | 'jwt' | 'edge';
type AttackedApp = Exclude<AppName, 'computer-use'>;

interface ServicePlan {
  readonly name: string;
  readonly app: AttackedApp;
  readonly env: Readonly<Record<string, string>>;
}

interface Given {
  readonly canaries: Canaries;
  readonly issuer: Issuer;
  readonly modelUrl: string;
  readonly upstreamsFile: string;
}

export interface Plan {
  readonly services: readonly ServicePlan[];
  readonly edgeSecret: string;
  /** The YAML of the upstreams: one, which is hostile. */
  readonly upstreams: string;
}

const UPSTREAM = fileURLToPath(new URL('../../../dist/attack/stack/hostile-upstream.js', import.meta.url));

export function planOf({ canaries, issuer, modelUrl, upstreamsFile }: Given): Plan {
  const edgeSecret = canaries.secret('edge secret');
  const modelHost = new URL(modelUrl).host;
  const vaultKey = randomBytes(32).toString('base64');
  canaries.secret('vault key', vaultKey);
  const gateway = (mode: GatewayMode, env: Readonly<Record<string, string>> = {}): ServicePlan => ({
    name: `gateway-${mode}`,
    app: 'gateway',
    env: {
      GATEWAY_HOST: '127.0.0.1',
      IDENTITY_MODE: mode,
      RATE_LIMIT_PER_MINUTE: '1000000',
      MAX_STREAMS_PER_USER: '256',
      // The rate limit is high, so that each forged request is judged by itself.
      FAILED_LOGINS_PER_MINUTE: '0',
      // A run may rightly wait behind one that asks a person. This limit ends its POST with a 504 before the attacker's
      // client gives up after 20 s.
      ORCHESTRATE_TIMEOUT_MS: '10000',
      ...env,
    },
  });
  const services: ServicePlan[] = [
    {
      name: 'orchestrator',
      app: 'orchestrator',
      env: {
        OPENAI_API_KEY: canaries.secret('key of the model'),
        OPENAI_BASE_URL: `${new URL(modelUrl).origin}/v1`,
        EGRESS_ALLOW_HOSTS: modelHost,
        APPROVAL_REQUIRED_TOOLS: 'get_weather',
      },
    },
    {
      name: 'mcp-tool',
      app: 'mcp-tool',
      env: {
        VAULT_KEYS: `first:${vaultKey}`,
        TOOL_SECRET_PARTNER: canaries.secret('credential of a tool'),
        MCP_STATE_SECRET: canaries.secret('state secret'),
        MOCK_WEATHER_TOOL_API_KEY: canaries.secret('credential of the weather tool'),
        MCP_UPSTREAMS: upstreamsFile,
      },
    },
    { name: 'a2a', app: 'a2a', env: { A2A_AGENTS: '' } },
    { name: 'audit', app: 'audit', env: { LOG_TREE_DIR: '' } },
    { name: 'xmpp-bridge', app: 'xmpp-bridge', env: {} },
    gateway('dev'),
    gateway('jwt', {
      JWT_ISSUER: ISSUER,
      JWT_AUDIENCE: AUDIENCE,
      JWT_JWKS_URL: issuer.jwksUrl,
      EGRESS_ALLOW_HOSTS: issuer.host,
    }),
    gateway('edge', { EDGE_SHARED_SECRET: edgeSecret }),
  ];
  const upstreams = `upstreams:
  evil:
    command: ${JSON.stringify(process.execPath)}
    args: [${JSON.stringify(UPSTREAM)}]
    trust: trusted
    timeout_ms: 3000
    max_timeout_ms: 4000
    max_result_bytes: 65536
`;
  return { services, edgeSecret, upstreams };
}
