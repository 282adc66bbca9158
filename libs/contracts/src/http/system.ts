import { z } from 'zod';
import { ERROR_CODES } from '../base/errors.ts';

/* Answers that every route may give, and the gateway's own resources. */

/** Every error body: RFC 9457 with our `code`. `detail` is also what old clients read. */
export const Problem = z.object({
  type: z.string().describe('urn:switchyard:problem:<code>'),
  title: z.string(),
  status: z.number().int(),
  detail: z.string(),
  code: z.enum(Object.keys(ERROR_CODES) as [keyof typeof ERROR_CODES]),
  details: z.array(z.string()).optional().describe('Places in the request that are wrong'),
  run_id: z.string().optional().describe('The run that the error is about'),
  snapshot_url: z.string().optional().describe('With history_expired: where the run can still be read'),
});
export type Problem = z.infer<typeof Problem>;

/** GET /config: defaults, never a secret. */
export const ConfigAnswer = z.object({
  controller: z.object({ host: z.string(), port: z.number().int() }),
  worker: z.object({ max_steps: z.number().int(), enable_reflection: z.boolean(), engine: z.string() }),
  grounding: z.object({ base_url: z.string().nullable(), api_key: z.null() }),
});
export type ConfigAnswer = z.infer<typeof ConfigAnswer>;

export const Health = z.object({ status: z.literal('ok') });
export const Readiness = z.object({
  status: z.enum(['ready', 'not_ready']),
  checks: z.record(z.string(), z.object({ ok: z.boolean(), required: z.boolean(), detail: z.string().optional() })),
});
export type Readiness = z.infer<typeof Readiness>;

/** The small JSON view of GET /metrics-debug. Latencies in milliseconds. */
export const MetricsDebug = z.object({
  requests: z.number().int(),
  errors: z.number().int(),
  latencies: z.object({
    count: z.number().int(),
    mean_ms: z.number(),
    p50_ms: z.number(),
    p95_ms: z.number(),
    max_ms: z.number(),
  }),
  routes: z.record(z.string(), z.object({ requests: z.number().int(), errors: z.number().int(), mean_ms: z.number() })),
});
export type MetricsDebug = z.infer<typeof MetricsDebug>;

/** OAuth protected resource metadata (RFC 9728). */
export const ProtectedResource = z.object({
  resource: z.url(),
  authorization_servers: z.array(z.string()),
  bearer_methods_supported: z.array(z.string()),
  resource_name: z.string(),
});
export type ProtectedResource = z.infer<typeof ProtectedResource>;

/** An OpenAPI 3.1 document. */
export const OpenApi = z.looseObject({});
/** AgentCapabilities of AG-UI. */
export const AgentCapabilities = z.looseObject({});
export const McpMessage = z.unknown().describe('A JSON-RPC 2.0 message of MCP');
