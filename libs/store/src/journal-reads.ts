import { RunStatus, type ThreadTurn } from '@switchyard/contracts';
import type { PrismaClient } from './generated/client.ts';
import { INPUT_KINDS, type RunInput, type ThreadQuery } from './journal.ts';
import { attempt } from './pool.ts';

const INPUTS_PAGE = 100;

/** Inputs of a run after number `n`, in order. */
export async function inputsAfter(
  prisma: PrismaClient,
  runId: string,
  n: number,
  limit = INPUTS_PAGE,
): Promise<RunInput[]> {
  const found = await attempt(() =>
    prisma.runInputRow.findMany({ where: { runId, n: { gt: n } }, orderBy: { n: 'asc' }, take: limit }),
  );
  return found.map((input) => ({
    n: input.n,
    kind: kindOf(input.kind),
    dedupKey: input.dedupKey,
    body: JSON.parse(input.body) as unknown,
    createdAt: input.createdAt.getTime(),
  }));
}

/** The newest ended runs of a conversation, oldest first. */
export async function threadTurns(prisma: PrismaClient, query: ThreadQuery): Promise<ThreadTurn[]> {
  const { tenantId, userId, threadId, limit, before } = query;
  const earlier = before === undefined ? {} : { createdAt: { lt: new Date(before) } };
  const found = await attempt(() =>
    prisma.run.findMany({
      where: { tenantId, userId, threadId, phase: 'ended', ...earlier },
      orderBy: [{ createdAt: 'desc' }, { runId: 'desc' }],
      take: limit,
      select: { runId: true, task: true, answer: true, status: true, createdAt: true },
    }),
  );
  return found.reverse().map((run) => ({
    ...run,
    status: RunStatus.parse(run.status),
    createdAt: run.createdAt.getTime(),
  }));
}

function kindOf(stored: string): RunInput['kind'] {
  const kind = INPUT_KINDS.find((known) => known === stored);
  if (kind === undefined) throw new Error(`the inbox holds an input of an unknown kind: ${stored}`);
  return kind;
}
