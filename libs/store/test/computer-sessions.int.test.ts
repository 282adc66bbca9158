import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { ComputerSessions, HeldSession, Store } from '../src/index.ts';
import { startDatabase, type TestDatabase } from './database.ts';

let db: TestDatabase;
let store: Store;
let sessions: ComputerSessions;
beforeAll(async () => {
  db = await startDatabase();
  store = db.open('computer-use');
  sessions = store.computerSessions;
});
beforeEach(() => db.sql('truncate computer_use.sessions, computer_use.turns, computer_use.actions'));
afterAll(() => db?.stop());

const STEP = { tenantId: 't', userId: 'u', stepKey: 'r:s', runId: 'r', stepId: 's' };
const ACTION = { turn: 1, kind: 'click', harmless: false, digest: 'd', frameBefore: 'f' };

async function begin(holder: string, network: 'sealed' | 'open' = 'sealed') {
  return sessions.begin(STEP, { backend: 'x11', network, holder, leaseMs: 60_000 });
}
const held = (holder: string, generation = 1): HeldSession => ({ step: STEP, generation, holder });
/** The lease of whoever holds the step runs out. */
const lose = () =>
  db.sql("update computer_use.sessions set lease_until = now() - interval '1 second' where state = 'open'");

describe('a step on a screen', () => {
  it('has one worker at a time, and is begun anew under the next generation once that one is lost', async () => {
    expect(await begin('a')).toEqual({ outcome: 'mine', generation: 1 });
    expect(await begin('a')).toEqual({ outcome: 'mine', generation: 1 }); // the reply was lost
    expect(await begin('b')).toEqual({ outcome: 'running' });
    await lose();
    const both = await Promise.all([begin('b'), begin('c')]);
    expect(both.map(({ outcome }) => outcome).sort()).toEqual(['mine', 'running']);
    expect(both).toContainEqual({ outcome: 'mine', generation: 2 });
  });

  it('takes nothing more from a worker that was lost: no decision, no act, no outcome, no renewal', async () => {
    await begin('a');
    await lose();
    await begin('b');
    expect(await sessions.keepTurn(held('a'), 1, '{}')).toBeUndefined();
    expect(await sessions.dispatch(held('a'), ACTION)).toBe(false);
    expect(await sessions.end(held('a'), '{}')).toBe(false);
    expect(await sessions.renew(held('a'), 1_000)).toBe(false);
    expect(await sessions.dispatch(held('b', 2), ACTION)).toBe(true);
  });

  it('is decided once a turn, and its act is dispatched once', async () => {
    await begin('a');
    expect(await sessions.keepTurn(held('a'), 1, 'first')).toBe('first');
    expect(await sessions.keepTurn(held('a'), 1, 'second')).toBe('first');
    expect(await sessions.dispatch(held('a'), ACTION)).toBe(true);
    expect(await sessions.dispatch(held('a'), ACTION)).toBe(false);
    expect(await sessions.complete(held('a'), 1, 'after', true)).toBe(true);
    expect(await sessions.complete(held('a'), 1, 'other', false)).toBe(false);
  });

  it('has one outcome: whoever comes again is answered with it', async () => {
    await begin('a');
    expect(await sessions.end(held('a'), '{"status":"failed"}')).toBe(true);
    expect(await sessions.end(held('a'), '{"status":"failed"}')).toBe(true); // the reply was lost
    expect(await sessions.end(held('a'), '{"status":"other"}')).toBe(false);
    expect(await begin('b')).toEqual({ outcome: 'known', result: '{"status":"failed"}' });
  });

  it('with a network is in doubt once its worker is lost after an act that may have had an effect', async () => {
    await begin('a', 'open');
    await sessions.dispatch(held('a'), { ...ACTION, kind: 'scroll', harmless: true });
    await lose();
    expect(await begin('b', 'open')).toEqual({ outcome: 'mine', generation: 2 }); // only harmless acts
    await sessions.dispatch(held('b', 2), ACTION);
    await lose();
    const known = await begin('c', 'open');
    expect(known).toMatchObject({ outcome: 'known', result: expect.stringContaining('"in_doubt"') });
    expect(await begin('d', 'open')).toEqual(known);
  });

  it('that is given back is begun anew at once', async () => {
    await begin('a');
    expect(await sessions.leave(held('a'))).toBe(true);
    expect(await begin('b')).toEqual({ outcome: 'mine', generation: 2 });
  });

  it('is removed with all that belongs to it, once it has ended long ago', async () => {
    await begin('a');
    await sessions.keepTurn(held('a'), 1, '{}');
    await sessions.dispatch(held('a'), ACTION);
    await sessions.end(held('a'), '{}');
    expect(await sessions.remove(10, 0)).toBe(0); // not within an hour
    await db.sql("update computer_use.sessions set ended_at = now() - interval '2 hours'");
    expect(await sessions.remove(10, 0)).toBe(1);
    expect(await begin('b')).toEqual({ outcome: 'mine', generation: 1 });
    expect(await sessions.dispatch(held('b'), ACTION)).toBe(true);
  });
});

describe('a frame', () => {
  const frame = { sha256: 'a'.repeat(64), width: 10, height: 20, png: Buffer.from([1, 2, 3]) };

  it('is kept once, and read by its own run of its own tenant alone', async () => {
    const [run, other] = [
      { tenantId: 't', runId: 'r' },
      { tenantId: 'x', runId: 'r' },
    ];
    await store.frames.keep(run, frame);
    await store.frames.keep(run, frame);
    expect(await store.frames.get(run, frame.sha256)).toEqual(frame);
    expect(await store.frames.get(other, frame.sha256)).toBeUndefined();
    expect(await db.open('orchestrator').frames.get(run, frame.sha256)).toEqual(frame);
    await expect(db.open('orchestrator').frames.keep(run, { ...frame, sha256: 'b' })).rejects.toThrow();
  });

  it('goes when it is old', async () => {
    expect(await store.frames.remove(10, 3_600_000)).toBe(0);
    await db.sql("update computer_use.frames set created_at = now() - interval '2 hours'");
    expect(await store.frames.remove(10, 3_600_000)).toBe(1);
  });
});
