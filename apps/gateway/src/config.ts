import {
  flag,
  integer,
  list,
  serviceSettings,
  serviceVariables,
  tlsFilesOf,
  tlsVariables,
  Truth,
} from '@switchyard/platform';
import { isRedisAddress, REDIS_ADDRESS_FORM } from '@switchyard/redis';
import { SERVICE_MAP_VARIABLES, serviceMapOf, withoutFallback } from '@switchyard/safe-fetch';
import { isIP } from 'node:net';
import { z } from 'zod';
import type { IdentityConfig } from './identity/index.ts';

const optional = z.string().min(1).optional();

const MIN_SECRET_CHARS = 32;
const DEVELOPMENT_TENANT = 'default';
const MCP_MAX_BODY_BYTES = 4 * 1024 * 1024;

/** The gateway's environment: one line per variable; the documentation is generated from it. */
export const Config = z
  .object({
    ...serviceVariables('gateway'),
    REDIS_URL: optional
      .refine(isRedisAddress, REDIS_ADDRESS_FORM)
      .describe('Redis, or its Sentinels, for the rate limit; unset: each replica counts alone'),
    ...tlsVariables('REDIS'),
    GATEWAY_HOST: z.string().min(1).default('0.0.0.0').describe('Address to listen on'),
    GATEWAY_PORT: integer(0, 65_535, 8_000).describe('Port to listen on; 0: any free one'),
    OPS_PORT: integer(0, 65_535, 0).describe(
      'Port of /health, /readiness, /metrics, /metrics-debug and /config; 0: any free one',
    ),
    OPS_ON_GATEWAY_PORT: Truth.optional().describe(
      'GATEWAY_PORT answers /metrics, /metrics-debug and /config as well; unset: in dev alone',
    ),
    NODE_ENV: z.string().default('development').describe('`production` refuses the development identity'),

    IDENTITY_MODE: z
      .enum(['dev', 'jwt', 'edge'])
      .default('dev')
      .describe('dev: X-User-Id is believed; jwt: bearer tokens; edge: X-Supabase-* headers with a shared secret'),
    TB_DEFAULT_USER_ID: optional.describe('dev: the user of requests that name none'),
    DEFAULT_TENANT_ID: z
      .string()
      .min(1)
      .max(256)
      .optional()
      .describe(
        'Tenant of callers whose identity names none; unset: `default` in dev, in jwt and edge they are refused',
      ),
    JWT_ISSUER: optional.describe('jwt: the only issuer that counts'),
    JWT_AUDIENCE: z.string().min(1).default('authenticated').describe('jwt: the audience that a token must name'),
    JWT_JWKS_URL: z.url().optional().describe('jwt: where the public keys are (ES256, RS256, EdDSA)'),
    JWT_HS256_SECRET: optional.describe(
      `jwt: shared secret for HS256 instead of keys, ${MIN_SECRET_CHARS} characters or more`,
    ),
    JWT_ROLE_CLAIM: z
      .string()
      .min(1)
      .default('app_metadata.role')
      .describe('jwt: dotted path of the role (user, admin, auditor)'),
    JWT_TENANT_CLAIM: z.string().min(1).default('app_metadata.tenant_id').describe('jwt: dotted path of the tenant'),
    EDGE_SHARED_SECRET: list.describe(
      `edge: value of X-Edge-Secret, ${MIN_SECRET_CHARS} characters or more; two, comma-separated, while one is replaced`,
    ),
    EGRESS_ALLOW_HOSTS: list.describe('Private hosts (host or host:port, comma-separated) that may be called'),
    ...SERVICE_MAP_VARIABLES,

    MCP_AUDIENCE: optional.describe('jwt: the audience of tokens for /mcp; unset: JWT_AUDIENCE'),
    MCP_PUBLIC_URL: z
      .url()
      .optional()
      .describe('Where clients reach /mcp, for its metadata; unset: as each request found it'),
    MCP_ALLOWED_HOSTS: list.describe('Host names (comma-separated) that /mcp answers to beside ALLOWED_HOSTS'),
    MCP_CALL_TIMEOUT_MS: integer(1_000, 600_000, 120_000).describe('Most time for one call through /mcp'),
    MCP_RESOURCE_LOOK_MS: integer(100, 3_600_000, 15_000).describe(
      'How often a resource that an MCP session watches is read',
    ),
    MCP_MAX_SESSIONS: integer(1, 100_000, 1_000).describe('Sessions of older MCP clients on one replica'),
    MCP_MAX_SESSIONS_PER_USER: integer(1, 10_000, 32).describe('The same of one user'),
    MCP_SESSION_IDLE_MS: integer(1_000, 86_400_000, 600_000).describe('Time after which an unused MCP session ends'),

    A2A_SERVER: Truth.default(true).describe(
      'Other agents may send tasks over A2A (/a2a), as their users could over HTTP',
    ),
    A2A_PUBLIC_URL: z
      .url()
      .optional()
      .describe('Where other agents reach this gateway, for its card; unset: as each request found it'),
    A2A_NAME: z.string().min(1).max(200).default('Switchyard').describe('The name of this agent in its card'),

    ALLOWED_HOSTS: list.describe(
      'Host names (comma-separated) that the gateway answers to, beside localhost and addresses; unset: any, in dev none',
    ),
    CONVERSATION_BY: z
      .enum(['user', 'request'])
      .default('user')
      .describe(
        'What a turn of GET /ag-ui/events without X-Session-ID belongs to: the one conversation of its user, or none but itself',
      ),
    CORS_ORIGINS: list.describe('Origins (comma-separated) whose pages may call; `*`: any'),
    RATE_LIMIT_PER_MINUTE: integer(0, 10_000_000, 6_000).describe('Requests a minute for one user; 0: no limit'),
    FAILED_LOGINS_PER_MINUTE: integer(0, 1_000_000, 60).describe(
      'Requests without valid credentials a minute from one address, before it is told to wait; 0: no limit',
    ),
    MAX_STREAMS_PER_USER: integer(1, 100_000, 128).describe('Open streams of one user on one replica'),
    MAX_STREAMS: integer(1, 1_000_000, 5_000).describe('Open streams of one replica'),
    SSE_HEARTBEAT_MS: integer(100, 60_000, 15_000).describe('Silence after which an open stream says that it lives'),
    SSE_MAX_BUFFERED_BYTES: integer(16_384, 1_073_741_824, 1_048_576).describe(
      'Unsent bytes of one stream before it is closed',
    ),
    ORCHESTRATE_TIMEOUT_MS: integer(1_000, 86_400_000, 1_800_000).describe(
      'Longest wait of POST /orchestrate for its run',
    ),
    SERVICE_ABSENCE_MS: integer(0, 120_000, 15_000).describe(
      'How long a request waits for a service of which no replica is there, before 503; 0: not at all',
    ),
    MAX_WAITING_REQUESTS: integer(1, 100_000, 1_000).describe(
      'How many requests of one replica wait for services that are not there',
    ),
    LINGER_MS: integer(0, 30_000, 0).describe(
      'The first part of DRAIN_TIMEOUT_MS (half of it at most), in which requests on connections that are open are still served, each as the last of its connection',
    ),

    AZTM_REQUIRED: flag(false).describe('Not ready until the AZTM login stands'),
    OPENAI_MODEL: z.string().min(1).max(128).default('gpt-4.1-mini').describe('Shown by GET /config'),
    CONTROLLER_HOST: z.string().min(1).default('localhost').describe('Shown by GET /config'),
    CONTROLLER_PORT: integer(1, 65_535, 5_900).describe('Shown by GET /config'),
    GROUNDING_BASE_URL: z.url().optional().describe('Shown by GET /config'),
  })
  .superRefine((env, context) => {
    const problem = (variable: string, message: string) =>
      context.addIssue({ code: 'custom', path: [variable], message });
    const { IDENTITY_MODE: mode } = env;
    if (mode === 'dev' && env.NODE_ENV === 'production') {
      problem('IDENTITY_MODE', 'the development identity believes everybody; in production set jwt or edge');
    }
    if (mode === 'jwt') {
      if (env.JWT_ISSUER === undefined) problem('JWT_ISSUER', 'set the issuer of the tokens');
      if ((env.JWT_JWKS_URL === undefined) === (env.JWT_HS256_SECRET === undefined)) {
        problem('JWT_JWKS_URL', 'set exactly one of JWT_JWKS_URL and JWT_HS256_SECRET');
      }
      if (env.JWT_HS256_SECRET !== undefined && env.JWT_HS256_SECRET.length < MIN_SECRET_CHARS) {
        problem('JWT_HS256_SECRET', `use at least ${MIN_SECRET_CHARS} characters`);
      }
      for (const name of ['JWT_ROLE_CLAIM', 'JWT_TENANT_CLAIM'] as const) {
        if (/^user_metadata(\.|$)/.test(env[name]))
          problem(name, 'user_metadata can be edited by its user; name another claim');
      }
    }
    if (mode === 'edge') {
      if (env.EDGE_SHARED_SECRET.length === 0) problem('EDGE_SHARED_SECRET', 'set the secret that the edge sends');
      if (env.EDGE_SHARED_SECRET.some((secret) => secret.length < MIN_SECRET_CHARS)) {
        problem('EDGE_SHARED_SECRET', `use at least ${MIN_SECRET_CHARS} characters`);
      }
    }
  })
  .transform((env, context) => ({
    ...serviceSettings(env, context),
    redisUrl: env.REDIS_URL,
    redisTls: tlsFilesOf('REDIS', env, context),
    http: { host: env.GATEWAY_HOST, port: env.GATEWAY_PORT, corsOrigins: env.CORS_ORIGINS },
    allowedHosts: [env.GATEWAY_HOST, ...env.ALLOWED_HOSTS].filter((name) => isIP(name) === 0),
    /** Host names are checked in development, and elsewhere if names are configured. */
    checksHosts: env.IDENTITY_MODE === 'dev' || env.ALLOWED_HOSTS.length > 0,
    opsOnGatewayPort: env.OPS_ON_GATEWAY_PORT ?? env.IDENTITY_MODE === 'dev',
    identity: identityOf(env),
    egress: { allowHosts: env.EGRESS_ALLOW_HOSTS, serviceMap: withoutFallback(serviceMapOf(env)) },
    mcp: {
      audience: env.MCP_AUDIENCE,
      publicUrl: env.MCP_PUBLIC_URL,
      allowedHosts: env.MCP_ALLOWED_HOSTS,
      callTimeoutMs: env.MCP_CALL_TIMEOUT_MS,
      lookEveryMs: env.MCP_RESOURCE_LOOK_MS,
      maxBodyBytes: MCP_MAX_BODY_BYTES,
      sessions: {
        perUser: env.MCP_MAX_SESSIONS_PER_USER,
        perProcess: env.MCP_MAX_SESSIONS,
        idleMs: env.MCP_SESSION_IDLE_MS,
      },
    },
    a2a: { enabled: env.A2A_SERVER, publicUrl: env.A2A_PUBLIC_URL, name: env.A2A_NAME },
    failedLoginsPerMinute: env.FAILED_LOGINS_PER_MINUTE,
    rateLimitPerMinute: env.RATE_LIMIT_PER_MINUTE,
    streams: {
      perUser: env.MAX_STREAMS_PER_USER,
      perProcess: env.MAX_STREAMS,
      heartbeatMs: env.SSE_HEARTBEAT_MS,
      maxBufferedBytes: env.SSE_MAX_BUFFERED_BYTES,
    },
    conversationBy: env.CONVERSATION_BY,
    orchestrateTimeoutMs: env.ORCHESTRATE_TIMEOUT_MS,
    absence: { absenceMs: env.SERVICE_ABSENCE_MS, maxWaiting: env.MAX_WAITING_REQUESTS },
    lingerMs: Math.min(env.LINGER_MS, env.DRAIN_TIMEOUT_MS / 2),
    aztmRequired: env.AZTM_REQUIRED,
    /** For GET /config; it holds no secret. */
    defaults: {
      controller: { host: env.CONTROLLER_HOST, port: env.CONTROLLER_PORT },
      worker: { max_steps: 10, enable_reflection: true, engine: env.OPENAI_MODEL },
      grounding: { base_url: env.GROUNDING_BASE_URL ?? null, api_key: null },
    },
  }));
export type GatewayConfig = z.output<typeof Config>;

function identityOf(env: {
  IDENTITY_MODE: 'dev' | 'jwt' | 'edge';
  TB_DEFAULT_USER_ID?: string | undefined;
  DEFAULT_TENANT_ID?: string | undefined;
  JWT_ISSUER?: string | undefined;
  JWT_AUDIENCE: string;
  JWT_JWKS_URL?: string | undefined;
  JWT_HS256_SECRET?: string | undefined;
  JWT_ROLE_CLAIM: string;
  JWT_TENANT_CLAIM: string;
  EDGE_SHARED_SECRET: string[];
}): IdentityConfig {
  const defaultTenantId = env.DEFAULT_TENANT_ID;
  switch (env.IDENTITY_MODE) {
    case 'dev':
      return {
        mode: 'dev',
        defaultUserId: env.TB_DEFAULT_USER_ID,
        defaultTenantId: defaultTenantId ?? DEVELOPMENT_TENANT,
      };
    case 'edge':
      return { mode: 'edge', secrets: env.EDGE_SHARED_SECRET, defaultTenantId };
    case 'jwt':
      return {
        mode: 'jwt',
        issuer: env.JWT_ISSUER ?? '',
        audience: env.JWT_AUDIENCE,
        keys:
          env.JWT_HS256_SECRET === undefined ? { jwksUrl: env.JWT_JWKS_URL ?? '' } : { secret: env.JWT_HS256_SECRET },
        roleClaim: env.JWT_ROLE_CLAIM,
        tenantClaim: env.JWT_TENANT_CLAIM,
        defaultTenantId,
      };
  }
}
