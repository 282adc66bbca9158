import { integer, serviceSettings, serviceVariables } from '@switchyard/platform';
import { publicKeysOf, SigningKeysText } from '@switchyard/agent-card';
import { SERVICE_MAP_VARIABLES, serviceMapOf } from '@switchyard/safe-fetch';
import { z } from 'zod';
import { type AgentAddress, TRUST_POLICIES } from './agents/index.ts';

const Address = z.object({
  url: z.url({ protocol: /^https?$/ }),
  name: z.string().min(1).max(200).optional(),
  optional: z.boolean().optional(),
  trust: z.enum(TRUST_POLICIES).optional(),
  keys: z
    .array(z.unknown())
    .min(1)
    .transform((keys, context) => {
      const read = publicKeysOf(keys);
      if (read?.length === keys.length) return read;
      context.addIssue({ code: 'custom', message: 'expected public keys as JWK, each with a kid' });
      return z.NEVER;
    })
    .optional(),
  card: z
    .string()
    .regex(/^sha256:[0-9a-f]{64}$/)
    .optional(),
  deduplicates: z.boolean().optional(),
});
/** A digest alone means that this card is wanted, and keys alone that a signature is. */
const AgentEntry = Address.transform((address): AgentAddress => ({
  ...address,
  trust: address.trust ?? (address.card !== undefined ? 'pinned' : address.keys ? 'signed' : 'any'),
})).refine(({ trust, card }) => trust !== 'pinned' || card !== undefined);
const MAX_AGENTS = 50;

/** `https://a.example, https://b.example` or `[{"url": "https://a.example", "name": "A"}]`. */
export const AgentsText = z
  .string()
  .default('')
  .transform((text, ctx): AgentAddress[] => {
    const parsed = z.array(AgentEntry).max(MAX_AGENTS).safeParse(readAgents(text.trim()));
    if (parsed.success) return parsed.data;
    ctx.addIssue({
      code: 'custom',
      message: `expected base URLs, or JSON [{"url", "name", "optional", "trust", "keys", "card", "deduplicates"}], at most ${MAX_AGENTS}`,
    });
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

const list = z.string().default('').transform(splitList);

/** As the list of excepted hosts may name it. */
export function hostAndPort(url: URL): string {
  return `${url.hostname}:${url.port || (url.protocol === 'https:' ? '443' : '80')}`;
}

/** The environment of this service: one line per variable; the documentation is generated from it. */
export const Config = z
  .object({
    ...serviceVariables('a2a'),
    A2A_AGENTS: AgentsText.describe(
      'Agents to delegate to: base URLs (comma-separated), or JSON [{"url", "name", "optional", "trust", "keys", "card", "deduplicates"}]',
    ),
    A2A_TIMEOUT_MS: integer(100, 3_600_000, 110_000).describe('Longest time for one delegation'),
    A2A_RETRIES: integer(0, 10, 3).describe('Tries after the first, where nothing reached the agent'),
    A2A_CARD_TTL_MS: integer(100, 86_400_000, 60_000).describe('How long a card is used before it is read again'),
    A2A_SIGNING_KEYS: SigningKeysText.default([]).describe(
      'Keys that sign our card, name:base64 of 32 bytes (Ed25519) or of a PKCS #8 key (P-256), comma-separated, the newest first',
    ),
    EGRESS_ALLOW_HOSTS: list.describe('Private hosts (host or host:port, comma-separated) that may be called'),
    ...SERVICE_MAP_VARIABLES,
    DRAIN_TIMEOUT_MS: integer(0, 120_000, 10_000).describe('Longest time that a stop waits for work under way'),
  })
  .transform((env, context) => ({
    ...serviceSettings(env, context),
    agents: env.A2A_AGENTS,
    timeoutMs: env.A2A_TIMEOUT_MS,
    retries: env.A2A_RETRIES,
    cardTtlMs: env.A2A_CARD_TTL_MS,
    signingKeys: env.A2A_SIGNING_KEYS,
    egressAllowHosts: env.EGRESS_ALLOW_HOSTS,
    serviceMap: serviceMapOf(env),
  }));
export type Config = z.output<typeof Config>;
