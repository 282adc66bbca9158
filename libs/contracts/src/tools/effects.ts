import { z } from 'zod';
import { ASK_AGAIN_MS, request } from '../base/define.ts';
import { Id, RunId } from '../base/ids.ts';
import { Principal } from '../base/principal.ts';
import { StepResult } from '../steps/steps.ts';

/** `intent`: meant, not begun. `dispatched`: under way. `in_doubt`: whether it happened is not known. */
export const EFFECT_STATES = ['intent', 'dispatched', 'succeeded', 'failed', 'in_doubt'] as const;
export const EffectState = z.enum(EFFECT_STATES);
export type EffectState = z.infer<typeof EffectState>;

/** One row of the effect ledger: a tool call that may change the world, and its outcome. */
export const EffectView = z.object({
  effectId: Id,
  tenantId: Id,
  userId: Id,
  runId: RunId.nullable(),
  stepId: Id.nullable(),
  idempotencyKey: z.string(),
  tool: z.string(),
  kind: z.enum(['read', 'write', 'destructive']),
  idempotency: z.enum(['safe', 'key', 'none']),
  state: EffectState,
  arguments: z.unknown().describe('Without secrets, long texts cut'),
  result: StepResult.nullable().describe('The answer to the call, once there is one'),
  attempts: z.number().int(),
  late: z.boolean().describe('An outcome came after the call was given up'),
  lateOutcome: z.enum(['succeeded', 'failed']).nullable(),
  settled: z.object({ by: z.string(), at: z.number().int(), note: z.string() }).nullable(),
  createdAt: z.number().int(),
  dispatchedAt: z.number().int().nullable(),
  endedAt: z.number().int().nullable(),
});
export type EffectView = z.infer<typeof EffectView>;

export const listEffects = request({
  subject: 'rpc.effects.list',
  summary: 'List effects of tools, newest first: a user its own, admin and auditor all of the tenant.',
  answeredBy: 'mcp-tool',
  askedBy: ['gateway', 'operator'],
  input: z.object({
    principal: Principal,
    state: EffectState.optional(),
    runId: RunId.optional(),
    cursor: z.string().max(200).optional(),
    limit: z.number().int().min(1).max(100).default(50),
  }),
  output: z.object({ effects: z.array(EffectView), nextCursor: z.string().nullable() }),
  timeoutMs: 5_000,
  askAgainMs: ASK_AGAIN_MS,
});

export const getEffect = request({
  subject: 'rpc.effects.get',
  summary: 'Read one effect: a user its own, admin and auditor each of the tenant.',
  answeredBy: 'mcp-tool',
  askedBy: ['gateway', 'operator'],
  input: z.object({ principal: Principal, effectId: Id }),
  output: EffectView,
  timeoutMs: 5_000,
  askAgainMs: ASK_AGAIN_MS,
});

/** A person's finding about an effect in doubt. */
export const EffectSettlement = z.object({
  outcome: z.enum(['succeeded', 'failed']).describe('Whether the effect happened'),
  note: z.string().trim().min(1).max(2_000).describe('How this is known'),
  output: z.unknown().optional().describe('With `succeeded`: what the tool would have answered; at most 64 KB'),
});
export type EffectSettlement = z.infer<typeof EffectSettlement>;

export const settleEffect = request({
  subject: 'rpc.effects.settle',
  summary:
    'Say what became of an effect in doubt: users of their own runs, admins of the tenant. A run that has ended stays as it is; a repeat of the call gets this outcome.',
  answeredBy: 'mcp-tool',
  askedBy: ['gateway', 'operator'],
  input: EffectSettlement.extend({ principal: Principal, effectId: Id }),
  output: EffectView,
  timeoutMs: 5_000,
});
