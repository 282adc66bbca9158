import { z } from 'zod';
import { AGENT_KINDS, AGENT_TARGETS, agentKind, type AgentTarget } from '../base/agent-kinds.ts';
import { ASK_AGAIN_MS, request } from '../base/define.ts';
import { PrincipalOrNobody } from '../base/principal.ts';

/** The planner's view of another agent. `id` is the suffix of `delegate_to_<id>`. */
export const AgentInfo = z.object({
  id: z.string().regex(/^[a-z0-9_]{1,40}$/),
  name: z.string().max(200),
  description: z.string().max(4_000),
  skills: z.array(z.object({ id: z.string(), name: z.string(), description: z.string() })).max(100),
  reachable: z.boolean(),
  /** How the card is trusted, for people; the planner is not told. */
  card: z
    .object({
      url: z.string(),
      trust: z.enum(['any', 'signed', 'pinned']),
      digest: z.string().nullable(),
      signedBy: z.string().nullable(),
      /** Why nothing is sent to the agent; null where its card is trusted. */
      refused: z.string().nullable(),
    })
    .optional(),
});
export type AgentInfo = z.infer<typeof AgentInfo>;

export const listAgents = request({
  subject: 'rpc.agents.list',
  summary: 'List the agents that a task may be delegated to.',
  answeredBy: 'a2a',
  askedBy: ['orchestrator', 'gateway', 'operator'],
  input: z.object({
    principal: PrincipalOrNobody,
    fresh: z.boolean().default(false).describe('Read every card again now'),
  }),
  output: z.object({ agents: z.array(AgentInfo) }),
  timeoutMs: 5_000,
  askAgainMs: ASK_AGAIN_MS,
});

/** A public key as a JWKS document has it. */
const PublishedKey = z.looseObject({ kid: z.string(), kty: z.string() });

export const signCard = request({
  subject: 'rpc.agents.sign',
  summary: 'Sign a card of this deployment, and say with which keys. Without keys the card comes back as it is.',
  answeredBy: 'a2a',
  askedBy: ['gateway'],
  input: z.object({
    card: z.record(z.string(), z.unknown()),
    /** Where the keys are published. */
    jwksUrl: z.url().max(2_048),
  }),
  output: z.object({
    card: z.record(z.string(), z.unknown()),
    keys: z.array(PublishedKey),
    /** Until when the signatures hold, in ms since 1970; null: there are none. */
    goodUntil: z.number().int().nullable(),
  }),
  timeoutMs: 2_000,
  askAgainMs: ASK_AGAIN_MS,
});

/** rpc.agent.<target>: how an agent that the planner is offered as one function describes itself. */
export const describeAgent: Readonly<Partial<Record<AgentTarget, ReturnType<typeof descriptionContract>>>> =
  Object.fromEntries(
    AGENT_TARGETS.filter((target) => agentKind(target).offer === 'itself').map((target) => [
      target,
      descriptionContract(target),
    ]),
  );

function descriptionContract(target: AgentTarget) {
  return request({
    subject: `rpc.agent.${target}`,
    summary: `Describe the agent that performs steps for ${target}.`,
    answeredBy: AGENT_KINDS[target].app,
    askedBy: ['orchestrator', 'gateway'],
    input: z.object({ principal: PrincipalOrNobody }),
    output: AgentInfo.omit({ id: true }),
    timeoutMs: 2_000,
    askAgainMs: ASK_AGAIN_MS,
  });
}
