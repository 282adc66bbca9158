import { z } from 'zod';
import { request } from '../base/define.ts';
import { Id, RunId } from '../base/ids.ts';
import { Principal } from '../base/principal.ts';

/** A run that was given up because worker after worker came to nothing with it. */
export const DeadLetter = z.object({
  runId: RunId,
  userId: Id,
  task: z.string().describe('First 500 characters'),
  reason: z.enum(['no_progress', 'unreadable']),
  /** The last error as public text, if one is known. */
  error: z.string().nullable(),
  attempts: z.number().int(),
  /** Milliseconds since 1970. */
  at: z.number().int(),
  requeuedAs: RunId.nullable(),
});
export type DeadLetter = z.infer<typeof DeadLetter>;

export const listDeadLetters = request({
  subject: 'rpc.deadletters.list',
  summary: 'List the runs of this tenant that were given up, newest first. For admins.',
  answeredBy: 'orchestrator',
  askedBy: ['gateway', 'operator'],
  input: z.object({
    principal: Principal,
    cursor: z.string().max(200).optional(),
    limit: z.number().int().min(1).max(200).default(50),
  }),
  output: z.object({ letters: z.array(DeadLetter), nextCursor: z.string().nullable() }),
  timeoutMs: 5_000,
});

export const requeueDeadLetter = request({
  subject: 'rpc.deadletters.requeue',
  summary: 'Start a run that was given up once more, as a new run on behalf of the same user. Idempotent. For admins.',
  answeredBy: 'orchestrator',
  askedBy: ['gateway', 'operator'],
  input: z.object({ principal: Principal, runId: RunId }),
  output: z.object({ runId: RunId, requeuedAs: RunId, created: z.boolean() }),
  timeoutMs: 10_000,
});
