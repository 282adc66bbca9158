import type { RunEvent } from '@switchyard/contracts';
import type { Append, Effects, Journal } from '@switchyard/store';
import pg from 'pg';
import { overlaid } from './decorated.ts';

/*
 * Guards taken out of the product on purpose: a checker that does not notice proves nothing.
 *
 * nofence   an owner whose lease was taken over writes on, past the journal's function
 * noledger  every call of a tool is told that it is the first of its key
 * lost      now and then a batch of events is said to be committed and is not
 * torn      now and then the last event of a batch is not committed, and is said to be
 * disorder  now and then the events of a batch are committed in another order than is said
 */
export const MUTANTS = ['nofence', 'noledger', 'lost', 'torn', 'disorder'] as const;

/** A journal without its fence: a refused append is written all the same. `url`: a superuser's. */
export function unfencedJournal(journal: Journal, url: string): Journal {
  const pool = new pg.Pool({ connectionString: url, max: 4 });
  pool.on('error', () => undefined);
  return overlaid<Journal>(journal, {
    append: async (input) => {
      const answer = await journal.append(input);
      return answer.kind === 'appended' ? answer : forced(pool, input);
    },
    // The owner of a run never learns that it lost the run.
    renew: async (leases, leaseMs) => {
      const mine = await journal.renew(leases, leaseMs);
      return new Map(leases.map(({ runId }) => [runId, mine.get(runId) ?? 0]));
    },
  });
}

const BATCH_MUTANTS: Readonly<Record<string, (facts: Append['facts']) => Append['facts']>> = {
  lost: () => [],
  torn: (facts) => facts.slice(0, -1),
  disorder: (facts) => [...facts].reverse(),
};
/** Every so many batches of more than one event; the rest is left alone. */
const BATCHES_BETWEEN = 15;

/** A journal that does with some batches what the mutant says, and answers as if it had not; undefined for other mutants. */
export function batchMutant(journal: Journal, mutant: string): Journal | undefined {
  const kept = BATCH_MUTANTS[mutant];
  if (!kept) return undefined;
  let batches = 0;
  return overlaid<Journal>(journal, {
    append: async (input) => {
      if (input.facts.length < 2 || (batches += 1) % BATCHES_BETWEEN !== 0) return journal.append(input);
      const head = await journal.head(input.runId);
      const facts = kept(input.facts);
      const answer = facts.length > 0 ? await journal.append({ ...input, facts }) : undefined;
      if (!head || (answer && answer.kind !== 'appended')) return answer ?? journal.append(input);
      const { runId, epoch, expectedSeq } = input;
      const place = { runId, tenantId: head.tenantId, epoch, ts: Date.now() };
      const events = input.facts.map((fact, i) => ({ ...fact, ...place, seq: expectedSeq + 1 + i }) as RunEvent);
      return {
        kind: 'appended',
        events,
        lastSeq: expectedSeq + events.length,
        inboxLast: head.inboxLast,
        nextRun: null,
      };
    },
  });
}

/** A ledger that remembers no call. */
export function forgetfulLedger(effects: Effects): Effects {
  return overlaid<Effects>(effects, {
    begin: ({ effectId }) => Promise.resolve({ kind: 'mine', again: false, effectId, attempt: 1 }),
    dispatch: () => Promise.resolve(true),
    renew: (calls) => Promise.resolve(new Set(calls.map(({ effectId }) => effectId))),
    complete: (_call, result) => Promise.resolve({ kind: 'completed', result, noted: false }),
  });
}

async function forced(pool: pg.Pool, { runId, epoch, facts }: Append): ReturnType<Journal['append']> {
  const client = await pool.connect();
  try {
    await client.query('begin');
    const { rows } = await client.query<{ tenant_id: string; last_seq: number; inbox_last: number }>(
      'select tenant_id, last_seq, inbox_last from orchestrator.runs where run_id = $1 for update',
      [runId],
    );
    const [run] = rows;
    if (!run) throw new Error('there is no such run');
    const events: RunEvent[] = [];
    for (const fact of facts) {
      const seq = run.last_seq + events.length + 1;
      const body = JSON.stringify(fact.data);
      const ts = Date.now();
      await client.query(
        `insert into orchestrator.run_events (run_id, seq, epoch, type, step_id, body, size, ts)
         values ($1, $2, $3, $4, $5, $6, $7, to_timestamp($8::float8 / 1000))`,
        [runId, seq, epoch, fact.type, fact.stepId, body, Buffer.byteLength(body), ts],
      );
      events.push({ ...fact, runId, tenantId: run.tenant_id, seq, epoch, ts } as RunEvent);
    }
    const lastSeq = run.last_seq + events.length;
    await client.query('update orchestrator.runs set last_seq = $2, settled = false where run_id = $1', [
      runId,
      lastSeq,
    ]);
    await client.query('commit');
    return { kind: 'appended', events, lastSeq, inboxLast: run.inbox_last, nextRun: null };
  } catch (error) {
    await client.query('rollback').catch(() => undefined);
    throw error;
  } finally {
    client.release();
  }
}
