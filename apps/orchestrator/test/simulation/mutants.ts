import type { RunEvent } from '@switchyard/contracts';
import type { Bus } from '@switchyard/bus';
import { factStepId } from '@switchyard/run';
import type { Journal } from '@switchyard/store';
import type { MemoryTables } from '@switchyard/store/memory';
import { over } from '../control.ts';

/*
 * Ways in which the system could be wrong. A simulation that does not notice them proves nothing: each takes one guard
 * away, and the checker must find out within some seeds.
 */

export interface Mutant {
  /** The rules that it breaks: one of them must be what is found. */
  readonly breaks: readonly string[];
  /** Between the journal and everybody. */
  readonly journal?: (real: Journal, tables: MemoryTables) => Journal;
  /** Between one replica and its ports. */
  readonly port?: (real: Journal, bus: Bus) => Journal;
  /** Between one replica and its bus. */
  readonly bus?: (real: Bus) => Bus;
  /** The workers look into no ledger. */
  readonly withoutLedger?: boolean;
}

export const MUTANTS: Readonly<Record<string, Mutant>> = {
  'append looks at no epoch and no lease': {
    breaks: ['epoch_regress', 'double_completed', 'effects_twice'],
    journal: (real, tables) =>
      over(real, {
        append: async (input) => {
          const run = tables.runs.get(input.runId)!;
          const { epoch, leaseOwner } = run;
          Object.assign(run, { epoch: input.epoch, leaseOwner: leaseOwner ?? 'nobody' });
          const answer = await real.append(input);
          if (answer.kind !== 'appended') Object.assign(run, { leaseOwner });
          run.epoch = Math.max(epoch, run.epoch);
          return answer;
        },
      }),
  },
  'workers look into no ledger': {
    breaks: ['effects_twice'],
    withoutLedger: true,
  },
  'a step is dispatched again under another key': {
    breaks: ['effects_twice'],
    bus: (real) => {
      let count = 0;
      const request = ((contract: { subject: string }, input: object, options?: object) =>
        real.request(
          contract as never,
          { ...input, idempotencyKey: `key-${(count += 1)}` } as never,
          options,
        )) as Bus['request'];
      return over(real, { request });
    },
  },
  'events are published before they are committed': {
    breaks: ['published_before_commit', 'published_differs'],
    port: (real, bus) =>
      over(real, {
        append: async (input) => {
          const events = input.facts.map((fact, i) => ({
            runId: input.runId,
            tenantId: 'acme',
            seq: input.expectedSeq + 1 + i,
            epoch: input.epoch,
            ts: 0,
            ...fact,
            stepId: factStepId(fact as never),
          }));
          void bus.publishEvents(events as RunEvent[]).catch(() => undefined);
          return real.append(input);
        },
      }),
  },
  'an owner hears of no cancel': {
    breaks: ['cancel_ignored', 'stuck'],
    port: (real) =>
      over(real, {
        append: async (input) => {
          const answer = await real.append(input);
          return answer.kind === 'appended' ? { ...answer, inboxLast: 0 } : answer;
        },
        inputsAfter: async (...args) => (await real.inputsAfter(...args)).filter(({ kind }) => kind !== 'cancel'),
      }),
  },
};
