import { z } from 'zod';
import { APPS, event } from '../base/define.ts';
import { Role } from '../base/principal.ts';
import { safeParse } from '../base/safe-parse.ts';

const Who = { tenant_id: z.string().nullable(), user_id: z.string().nullable() };

/** The owner, if known: of genuine credentials that are not valid (any more). */
const MaybeWho = { tenant_id: z.string().nullish(), user_id: z.string().nullish() };

/** The origin of a request, as far as the audit log needs it. */
const SourceNet = z.string().nullable().describe('The network of the address (/24, IPv6 /48); null for peers');

const Stream = {
  ...Who,
  run_id: z.string(),
  stream: z.string().describe('The same in both facts of one stream'),
  dialect: z.string(),
  after: z.number().int().describe('The cursor that it began after; 0: from the beginning'),
  source_net: SourceNet,
};

/** Refusals of one source for one reason are recorded together, at most once a minute. */
const Refused = { count: z.number().int().min(1).optional().describe('How many were refused since the last record') };

const Effect = {
  ...Who,
  effect_id: z.string(),
  tool: z.string(),
  run_id: z.string().nullable(),
  step_id: z.string().nullable(),
};

const Provider = { ...Who, provider: z.string() };

const AskedByOperator = z.object({
  ...Who,
  subject: z.string().describe('What was asked'),
  person: z.string().describe('The operator, as the signature proves it'),
});
const OPERATOR_SUMMARY =
  'An operator asked on the bus. It is told before the answer: where it cannot be told, none is given.';

/** Facts outside a run, subject `sys.<app>.<noun>.<verb>`. Each producer numbers its own, so a hole shows. */
export const SYSTEM_EVENTS = [
  event('gateway.service.started', 'The gateway is up.', z.object({ version: z.string(), identity_mode: z.string() })),
  event(
    'gateway.auth.failed',
    'Credentials were refused.',
    z.object({
      ...MaybeWho,
      ...Refused,
      reason: z.string(),
      path: z.string().describe('Of the latest'),
      source_ip: z.string().describe('An address, or `others` where there are too many to tell apart'),
    }),
  ),
  event(
    'gateway.auth.succeeded',
    'A caller proved who it is: told with the first request of a credential from a network, and again each quarter of an hour in which it is used.',
    z.object({
      ...Who,
      role: Role,
      via: z.string().describe('How the identity was proved'),
      path: z.string().describe('Of the first request'),
      source_net: SourceNet,
    }),
  ),
  event(
    'gateway.stream.opened',
    'A client was shown the events of a run for two seconds, and still is.',
    z.object(Stream),
  ),
  event(
    'gateway.stream.closed',
    'A client is no longer shown the events of a run. Of a short stream this is the only fact.',
    z.object({
      ...Stream,
      opened_at: z.number().int().describe('Milliseconds since 1970'),
      duration_ms: z.number().int(),
      events: z.number().int().describe('Events of the run after the cursor that it was shown'),
      last_seq: z.number().int().describe('The last of them; the cursor where there was none'),
      why: z
        .enum(['ended', 'paused', 'client', 'slow', 'expired', 'stopping', 'broken'])
        .describe(
          '`ended`: with its run; `paused`: the run waits for a person; `client`: it went away; `slow`: it did not read; `expired`: its login; `stopping`: this server; `broken`: by an error',
        ),
    }),
  ),
  event(
    'gateway.access.denied',
    'A caller asked for what it may not have.',
    z.object({ ...Who, ...Refused, path: z.string(), reason: z.string(), source_ip: z.string().optional() }),
  ),
  event('gateway.rate.limited', 'A caller was slowed down.', z.object({ ...Who, ...Refused, path: z.string() })),
  event(
    'tools.access.denied',
    'A tool call was refused.',
    z.object({ ...Who, tool: z.string(), reason: z.string(), run_id: z.string().nullable() }),
  ),
  event(
    'tools.access.granted',
    'A tool that is kept for a role was called.',
    z.object({
      ...Who,
      tool: z.string(),
      role: Role.describe('Whose it is, at least'),
      outcome: z.string().describe('`succeeded`, or the code of the error'),
      run_id: z.string().nullable(),
    }),
  ),
  event(
    'tools.definition.changed',
    'An admin registered or removed a tool of the tenant.',
    z.object({ ...Who, tool: z.string(), change: z.enum(['registered', 'removed']) }),
  ),
  event(
    'tools.catalog.changed',
    'The tools of one replica, or who may use them, are others now: files, MCP servers, tools of a tenant.',
    z.object({ tools: z.number().int().describe('How many it has for all tenants') }),
  ),
  event(
    'tools.credential.missing',
    'A tool could not run for want of a credential.',
    z.object({ tool: z.string(), credential: z.string() }),
  ),
  event(
    'tools.effect.in_doubt',
    'Whether the effect of a tool call happened is not known; a person should look.',
    z.object({ ...Effect, reason: z.string() }),
  ),
  event(
    'tools.effect.settled',
    'An effect that was in doubt has a known outcome, by a person or by a repeat with the same key.',
    z.object({ ...Effect, outcome: z.enum(['succeeded', 'failed']), by: z.string(), note: z.string() }),
  ),
  event(
    'tools.effect.late',
    'The outcome of a tool call came after the call was given up. `accepted`: it ended a doubt.',
    z.object({ ...Effect, outcome: z.enum(['succeeded', 'failed']), accepted: z.boolean() }),
  ),
  event(
    'tools.provider.connected',
    'A user authorised a provider.',
    z.object({ ...Provider, scopes: z.array(z.string()) }),
  ),
  event(
    'tools.provider.revoked',
    'The authorisation of a provider was revoked here. `at_provider`: what became of it there.',
    z.object({ ...Provider, at_provider: z.string() }),
  ),
  event(
    'tools.provider.refused',
    'An authorisation was not completed, or is not renewed any more.',
    z.object({ ...Provider, where: z.enum(['start', 'callback', 'refresh']), reason: z.string() }),
  ),
  event(
    'tools.provider.moved',
    'An MCP upstream names another issuer for its tokens than before; its users authorise it anew, there.',
    z.object({ upstream: z.string(), provider: z.string(), issuer: z.string(), earlier_issuer: z.string() }),
  ),
  event(
    'tools.credential.unreadable',
    'A sealed credential does not open for its owner: it was moved or changed, or its key is gone. Look at once.',
    z.object(Provider),
  ),
  event(
    'tools.definition.quarantined',
    'A tool of an MCP upstream is new or says something else now; it is not used until a person approves it.',
    z.object({
      upstream: z.string(),
      tool: z.string(),
      hash: z.string(),
      reasons: z.array(z.string()),
      diff: z.array(z.string()),
    }),
  ),
  event(
    'tools.definition.decided',
    'A person approved or rejected the definition of a tool of an MCP upstream.',
    z.object({
      ...Who,
      upstream: z.string(),
      tool: z.string(),
      hash: z.string(),
      verdict: z.enum(['approve', 'reject']),
    }),
  ),
  event(
    'tools.upstream.changed',
    'An MCP upstream is available again, or is not.',
    z.object({ upstream: z.string(), available: z.boolean(), reason: z.string().nullable() }),
  ),
  event(
    'a2a.card.refused',
    'The card of an agent is not trusted; nothing is sent to the agent.',
    z.object({ agent: z.string(), digest: z.string(), reason: z.string() }),
  ),
  event('a2a.card.changed', 'The card of an agent changed.', z.object({ agent: z.string(), digest: z.string() })),
  event(
    'a2a.agent.unreachable',
    'The card of an agent could not be read.',
    z.object({ agent: z.string(), error_code: z.string() }),
  ),
  event(
    'xmpp.login.changed',
    'The AZTM login moved to another state.',
    z.object({ state: z.string(), sentence: z.string() }),
  ),
  event(
    'xmpp.request.carried',
    'An HTTP request went over XMPP: who asked whom for what, and what became of it. Never a body or a query.',
    z.object({
      tenant_id: z.string().nullish().describe('Whose request it was: ours on behalf of it, or a peer of it asked'),
      user_id: z.string().nullish(),
      run_id: z.string().nullish(),
      direction: z.enum(['out', 'in']),
      from: z.string().describe('Bare JID'),
      to: z.string().describe('Bare JID'),
      method: z.string(),
      path: z.string(),
      status: z.number().int().nullable().describe('Of the response; null where there was none'),
      error_code: z.string().nullable(),
      duration_ms: z.number().int(),
      request_bytes: z.number().int(),
      response_bytes: z.number().int(),
    }),
  ),
  event(
    'xmpp.peer.denied',
    'A peer asked over XMPP for what it may not have.',
    z.object({ jid: z.string(), method: z.string(), path: z.string(), reason: z.string() }),
  ),
  event('orchestrator.operator.asked', OPERATOR_SUMMARY, AskedByOperator),
  event('tools.operator.asked', OPERATOR_SUMMARY, AskedByOperator),
  event('a2a.operator.asked', OPERATOR_SUMMARY, AskedByOperator),
  event('audit.operator.asked', OPERATOR_SUMMARY, AskedByOperator),
  event('xmpp.operator.asked', OPERATOR_SUMMARY, AskedByOperator),
] as const;

type Member<E> = E extends { type: infer T extends string; data: infer D extends z.ZodType }
  ? { type: T; data: z.output<D> }
  : never;
export type SystemFact = Member<(typeof SYSTEM_EVENTS)[number]>;
export type SystemEventType = SystemFact['type'];

/** A system fact in its place: producer instance, its own number, time in ms. */
export const SystemEventPlace = z.object({
  app: z.enum(APPS),
  /** One run of one process; `seq` counts from 1 within it. */
  instance: z.string().min(1).max(64),
  seq: z.number().int().min(1),
  ts: z.number().int(),
});
export type SystemEvent = SystemFact & z.infer<typeof SystemEventPlace>;

/** The fact by which each service reports requests of operators. */
export const OPERATOR_ASKED = {
  orchestrator: 'orchestrator.operator.asked',
  'mcp-tool': 'tools.operator.asked',
  a2a: 'a2a.operator.asked',
  audit: 'audit.operator.asked',
  'xmpp-bridge': 'xmpp.operator.asked',
} as const satisfies Record<string, SystemEventType>;

const BY_TYPE: ReadonlyMap<string, (typeof SYSTEM_EVENTS)[number]> = new Map(SYSTEM_EVENTS.map((e) => [e.type, e]));

/** Parses a system event; answers undefined for anything else. */
export function parseSystemEvent(value: unknown): SystemEvent | undefined {
  const place = safeParse(SystemEventPlace, value);
  if (!place.success) return undefined;
  const { type, data } = value as { type?: unknown; data?: unknown };
  const contract = typeof type === 'string' ? BY_TYPE.get(type) : undefined;
  const parsed = contract && safeParse(contract.data, data);
  return contract && parsed?.success
    ? ({ ...place.data, type: contract.type, data: parsed.data } as SystemEvent)
    : undefined;
}
