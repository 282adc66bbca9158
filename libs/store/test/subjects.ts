import { MemoryJournal, MemoryRetention, MemoryTables } from '../src/memory.ts';
import type { TestDatabase } from './database.ts';
import type { Subject } from './journal-commands.ts';

/** The journal over a PostgreSQL. */
export function sqlSubject(db: TestDatabase): Subject {
  const { journal, retention } = db.open('orchestrator');
  return {
    journal,
    retention,
    async clear() {
      await db.sql(`truncate orchestrator.runs, orchestrator.run_events, orchestrator.run_inbox,
        orchestrator.dead_letters`);
    },
    async expireLease(runId, rested) {
      const past = `update orchestrator.runs
        set lease_until = now() - interval '1 millisecond', pause_ms = case when $2 then 0 else pause_ms end
        where run_id = $1`;
      await db.sql(past, [runId, rested]);
    },
    async age(runId, ms) {
      const time = `update orchestrator.runs set ended_at = now() - $2::float8 * interval '1 millisecond',
        created_at = least(created_at, now() - $2::float8 * interval '1 millisecond')
        where run_id = $1 and phase = 'ended'`;
      await db.sql(time, [runId, ms]);
    },
    async letters() {
      const letters = await db.sql<{ run_id: string }>('select run_id from orchestrator.dead_letters');
      return letters.map((letter) => letter.run_id);
    },
  };
}

/** The journal in memory. */
export function memorySubject(tables = new MemoryTables(), journal = new MemoryJournal(tables)): Subject {
  return {
    journal,
    retention: new MemoryRetention(tables),
    async clear() {
      tables.runs.clear();
      tables.letters.clear();
    },
    async expireLease(runId, rested) {
      const run = tables.runs.get(runId)!;
      run.leaseUntil = tables.now() - 1;
      if (rested) run.pauseMs = 0;
    },
    async age(runId, ms) {
      const run = tables.runs.get(runId)!;
      if (run.phase !== 'ended') return;
      run.endedAt = tables.now() - ms;
      run.createdAt = Math.min(run.createdAt, run.endedAt);
    },
    async letters() {
      return [...tables.letters.keys()];
    },
  };
}
