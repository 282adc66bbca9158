import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { startDatabase, type TestDatabase } from './database.ts';
import { checkAgainstModel } from './journal-commands.ts';
import { sqlSubject } from './subjects.ts';
import { acceptOf, completed, message } from './drafts.ts';

let db: TestDatabase;

beforeAll(async () => {
  db = await startDatabase();
});
afterAll(() => db?.stop());

const RUNS = Number(process.env['MODEL_RUNS'] ?? 120);

it(
  'behaves as the model under any sequence of owners, crashes, repeats, inputs and marks',
  () => checkAgainstModel(sqlSubject(db), RUNS),
  60_000 + RUNS * 1_000,
);

/*
 * Owners that really run at the same time, with leases so short that they are lost all the time. Each follows the
 * rules (claim, read, append behind what was read) and may at any moment pause, die, or lose a reply.
 */
it('writes every message of a run once while owners pause, die and lose replies', async () => {
  const MESSAGES = 12;
  const LEASE_MS = 25;
  const { journal } = db.open('orchestrator', { maxConnections: 8 });
  const runIds = Array.from({ length: 8 }, (_, i) => `nemesis-${i}`);
  for (const runId of runIds) await journal.accept(acceptOf(runId));
  const open = new Set(runIds);
  const chance = (percent: number) => Math.random() * 100 < percent;
  const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
  const seen = { fenced: 0, repeated: 0, takenOver: 0 };

  async function own(runId: string, epoch: number): Promise<void> {
    const events = await journal.read(runId, 0, 1_000);
    let written = events.filter((event) => event.type === 'orchestrator.message.completed').length;
    for (let expectedSeq = events.length; ; expectedSeq++) {
      if (chance(10)) return; // Dies; the lease runs out.
      if (chance(15)) await pause(LEASE_MS * 1.5); // Is paused, and does not know it.
      const facts = [written === MESSAGES ? completed() : message(`message ${written + 1}`)];
      const entry = { runId, epoch, expectedSeq, facts, leaseMs: LEASE_MS };
      let answer = await journal.append(entry);
      if (chance(20)) {
        seen.repeated += 1;
        answer = await journal.append(entry); // The reply was lost.
      }
      if (answer.kind !== 'appended') {
        if (answer.kind === 'fenced') seen.fenced += 1;
        expect(['fenced', 'ended']).toContain(answer.kind);
        return;
      }
      if (written === MESSAGES) return void open.delete(runId);
      written += 1;
    }
  }

  async function worker(name: string): Promise<void> {
    for (const until = Date.now() + 20_000; open.size > 0 && Date.now() < until;) {
      const runId = [...open][Math.floor(Math.random() * open.size)]!;
      const claim = await journal.claim(runId, name, LEASE_MS, [1], true, 5);
      if (claim.kind === 'claimed') {
        if (claim.epoch > 1) seen.takenOver += 1;
        await own(runId, claim.epoch);
      } else if (claim.kind === 'ended') open.delete(runId);
      else await pause(2);
    }
  }

  await Promise.all(Array.from({ length: 6 }, (_, i) => worker(`worker-${i}`)));

  expect(open.size).toBe(0);
  expect(Math.min(seen.repeated, seen.takenOver)).toBeGreaterThan(0);
  for (const runId of runIds) {
    const events = await journal.read(runId, 0, 1_000);
    expect(events.map((event) => event.seq)).toEqual(events.map((_, i) => i + 1));
    expect(events.map((event) => event.epoch)).toEqual(events.map((e) => e.epoch).sort((a, b) => a - b));
    const texts = events.flatMap((e) => (e.type === 'orchestrator.message.completed' ? [e.data.text] : []));
    expect(texts).toEqual(Array.from({ length: MESSAGES }, (_, i) => `message ${i + 1}`));
    expect(events.filter((event) => event.type === 'orchestrator.task.completed')).toHaveLength(1);
    expect(events.at(-1)?.type).toBe('orchestrator.task.completed');
  }
});
