import { z } from 'zod';
import type { AgentAddress } from './directory.ts';

const Address = z.object({ url: z.url({ protocol: /^https?$/ }), name: z.string().min(1).max(200).optional() });
const MAX_AGENTS = 50;

/** `https://a.example, https://b.example` or `[{"url": "https://a.example", "name": "A"}]`. */
const Agents = z
  .string()
  .default('')
  .transform((text, ctx): AgentAddress[] => {
    const parsed = z.array(Address).max(MAX_AGENTS).safeParse(readAgents(text.trim()));
    if (parsed.success) return parsed.data;
    ctx.addIssue({ code: 'custom', message: `expected base URLs, or JSON [{"url", "name"}], at most ${MAX_AGENTS}` });
    return z.NEVER;
  });

function readAgents(text: string): unknown {
  if (!text.startsWith('[')) return splitList(text).map((url) => ({ url }));
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function splitList(text: string): string[] {
  return text
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '');
}

export const Config = z
  .object({
    NATS_URL: z.string().default('nats://127.0.0.1:4222').describe('NATS server; may carry user:password'),
    OPS_PORT: z.coerce
      .number()
      .int()
      .min(0)
      .max(65_535)
      .default(0)
      .describe('Port of /health, /readiness, /metrics; 0 = any'),
    LOG_LEVEL: z.string().default('info').describe('Least level that is logged'),
    OTEL_EXPORTER_OTLP_ENDPOINT: z.string().optional().describe('Where traces go; none without it'),
    OTEL_SERVICE_NAME: z.string().default('a2a').describe('Name of this service in traces'),
    A2A_AGENTS: Agents.describe('Agents to delegate to: base URLs separated by commas, or JSON [{"url", "name"}]'),
    A2A_TIMEOUT_MS: z.coerce.number().int().positive().default(110_000).describe('Longest a delegation may take'),
    A2A_RETRIES: z.coerce
      .number()
      .int()
      .min(0)
      .max(10)
      .default(3)
      .describe('Tries after the first, where nothing was sent'),
    A2A_CARD_TTL_MS: z.coerce
      .number()
      .int()
      .positive()
      .default(60_000)
      .describe('How long a card is used before it is read again'),
    EGRESS_ALLOW_HOSTS: z
      .string()
      .default('')
      .describe('Hosts (host or host:port) that may be called although they are private'),
  })
  .transform((env) => ({
    natsUrl: env.NATS_URL,
    opsPort: env.OPS_PORT,
    logLevel: env.LOG_LEVEL,
    telemetry: { endpoint: env.OTEL_EXPORTER_OTLP_ENDPOINT, serviceName: env.OTEL_SERVICE_NAME },
    agents: env.A2A_AGENTS,
    timeoutMs: env.A2A_TIMEOUT_MS,
    retries: env.A2A_RETRIES,
    cardTtlMs: env.A2A_CARD_TTL_MS,
    // An agent that the operator names is allowed by that, wherever it is.
    allowHosts: [...splitList(env.EGRESS_ALLOW_HOSTS), ...env.A2A_AGENTS.map(({ url }) => new URL(url).host)],
  }));
export type Config = z.output<typeof Config>;
