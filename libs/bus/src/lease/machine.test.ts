import { describe, expect, it } from '@jest/globals';
import { fc } from '@switchyard/testing/property';
import { isHeld, LEASE_START, type LeaseEntry, type LeaseState, lost, observed, stoodBack, wrote } from './machine.ts';

const TTL = 600;
const view = (now: number, me = 'a') => ({ me, ttlMs: TTL, now });
const entry = (over: Partial<LeaseEntry> = {}): LeaseEntry => ({ holder: 'b', released: false, revision: 7, ...over });

describe('a lease', () => {
  it('is taken at once where nobody has it, or it was given back', () => {
    expect(observed(LEASE_START, undefined, view(0)).expect).toBe(0);
    expect(observed(LEASE_START, entry({ released: true }), view(0)).expect).toBe(7);
  });

  it('is taken from a holder that did not write for its whole time, and no earlier', () => {
    const { state } = observed(LEASE_START, entry(), view(100));
    expect(observed(state, entry(), view(100 + TTL - 1)).expect).toBeNull();
    expect(observed(state, entry(), view(100 + TTL)).expect).toBe(7);
    expect(observed(state, entry({ revision: 8 }), view(100 + TTL)).expect).toBeNull();
  });

  it('keeps its token as long as one term lasts, and has a larger one in the next', () => {
    const first = wrote(LEASE_START, 3, 0, view(5));
    const renewed = wrote(first, 4, 100, view(105));
    expect(renewed.held).toMatchObject({ token: 3, revision: 4 });
    expect(wrote(renewed, 9, 5_000, view(5_001)).held?.token).toBe(9);
  });

  it('is found again where the answer to the own write was lost', () => {
    expect(observed(LEASE_START, entry({ holder: 'a' }), view(0)).expect).toBe(7);
  });

  it('is not asked for by one that stood back, also not by an answer that comes late', () => {
    const rests = stoodBack(wrote(LEASE_START, 3, 0, view(5)), 1_000);
    expect(observed(rests, undefined, view(999)).expect).toBeNull();
    expect(observed(rests, undefined, view(1_000)).expect).toBe(0);
    expect(wrote(rests, 4, 10, view(20)).held).toBeNull();
  });

  /**
   * Several replicas, each with a clock of its own, over a store that takes its time and loses answers; they sleep
   * at any moment. The simulation is one list of what happens when.
   */
  it('is never held by two at one moment, and its token grows with every holder', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(1_000), { minLength: 200, maxLength: 400 }),
        fc.array(fc.nat(100_000), { minLength: 3, maxLength: 3 }),
        (dice, offsets) => {
          let rolled = 0;
          const roll = (below: number): number => dice[(rolled += 1) % dice.length]! % below;
          const queue: { at: number; run: () => void }[] = [];
          let time = 0;
          let store: LeaseEntry | undefined;
          let lastToken = 0;
          let lastHolder = -1;
          const states: LeaseState[] = offsets.map(() => LEASE_START);
          const local = (n: number) => time + offsets[n]!;
          const later = (ms: number, run: () => void) => queue.push({ at: time + ms, run });

          /** The write reaches the store after a while; its answer comes after another, or never. */
          const write = (n: number, expectRevision: number): void => {
            const began = local(n);
            later(roll(400), () => {
              if ((store?.revision ?? 0) !== expectRevision) return;
              const revision = expectRevision + 1;
              store = { holder: `r${n}`, released: false, revision };
              if (roll(10) === 0) return;
              later(roll(900), () => (states[n] = wrote(states[n]!, revision, began, view(local(n), `r${n}`))));
            });
          };
          const look = (n: number): void => {
            const { held } = states[n]!;
            if (held) write(n, held.revision);
            later(roll(200), () => {
              const seen = store;
              later(roll(200), () => {
                const next = observed(states[n]!, seen, view(local(n), `r${n}`));
                states[n] = next.state;
                if (next.expect !== null) write(n, next.expect);
              });
            });
            if (held && !isHeld(states[n]!, local(n)) && roll(2) === 0) states[n] = lost(states[n]!);
            if (roll(25) === 0) states[n] = stoodBack(states[n]!, local(n) + TTL);
            later(roll(3) === 0 ? 200 + roll(1_000) : 50 + roll(100), () => look(n));
          };
          offsets.forEach((_, n) => later(roll(300), () => look(n)));

          for (let steps = 0; steps < 800; steps += 1) {
            queue.sort((a, b) => a.at - b.at);
            const next = queue.shift()!;
            time = next.at;
            next.run();
            const holding = states.flatMap((state, n) => (isHeld(state, local(n)) ? [n] : []));
            if (holding.length > 1) throw new Error(`${holding.join(' and ')} hold it at ${time}`);
            const [holder] = holding;
            if (holder === undefined) continue;
            const { token } = states[holder]!.held!;
            if (holder !== lastHolder && token <= lastToken) throw new Error(`the token fell to ${token} at ${time}`);
            [lastHolder, lastToken] = [holder, Math.max(lastToken, token)];
          }
          expect(store).toBeDefined();
        },
      ),
      { numRuns: 400 },
    );
  });
});
