import { z } from 'zod';
import { ASK_AGAIN_MS, request } from '../base/define.ts';
import { Principal } from '../base/principal.ts';

const Amount = z.number().nonnegative().nullable();

/** `limit` null: none of this kind. The others are null where the deployment counts nothing by day. */
export const BudgetAmounts = z.object({
  limit: Amount,
  used: Amount,
  reserved: Amount.describe('Held for calls of the model that are under way'),
  left: Amount,
});

export const BudgetScope = z.object({ tokens: BudgetAmounts, usd: BudgetAmounts });

/** The usage and the rest of today's limits for the caller, and for admins of its tenant. */
export const BudgetView = z.object({
  day: z.string().describe('UTC, YYYY-MM-DD'),
  /** Milliseconds since 1970. */
  resetsAt: z.number().int(),
  user: BudgetScope,
  tenant: BudgetScope.nullable().describe('For admins, else null'),
});
export type BudgetView = z.infer<typeof BudgetView>;

export const getBudget = request({
  subject: 'rpc.budgets.get',
  summary: 'What a user, and for admins the tenant, used today of the limits by day.',
  answeredBy: 'orchestrator',
  askedBy: ['gateway', 'operator'],
  input: z.object({ principal: Principal }),
  output: BudgetView,
  timeoutMs: 5_000,
  askAgainMs: ASK_AGAIN_MS,
});
