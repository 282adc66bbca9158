import { describe, expect, it } from '@jest/globals';
import { fc } from '@switchyard/testing/property';
import { Backlog } from './backlog.ts';
import { mayTake, type Shares } from './fair-share.ts';
import { type Slot, Slots } from './slots.ts';

/** A replica as small as it gets: slots, and runs that hold them until they are told to end. */
class Replica {
  readonly started: string[] = [];
  readonly running: { runId: string; tenantId: string; slot: Slot }[] = [];
  readonly waiting = new Map<string, number>();
  readonly #slots: Slots;

  constructor(total: number, perTenant = Infinity) {
    this.#slots = new Slots({ total, perTenant, backlog: 10_000 }, (runId, tenantId, slot) => {
      this.waiting.set(tenantId, this.waiting.get(tenantId)! - 1);
      this.#start(runId, tenantId, slot);
    });
  }

  held(tenantId: string): number {
    return this.running.filter((run) => run.tenantId === tenantId).length;
  }

  arrive(runId: string, tenantId: string): void {
    const slot = this.#slots.take(tenantId);
    if (slot) return this.#start(runId, tenantId, slot);
    this.waiting.set(tenantId, (this.waiting.get(tenantId) ?? 0) + 1);
    this.#slots.wait(runId, tenantId);
  }

  end(pick: number): void {
    const [ended] = this.running.splice(pick % Math.max(this.running.length, 1), 1);
    ended?.slot.free();
    ended?.slot.free(); // does nothing
  }

  #start(runId: string, tenantId: string, slot: Slot): void {
    this.running.push({ runId, tenantId, slot });
    this.started.push(runId);
  }
}

const TENANTS = ['a', 'b', 'c', 'd'] as const;
const tenant = fc.constantFrom(...TENANTS);
const act = fc.oneof(fc.record({ arrive: tenant }), fc.record({ end: fc.nat(20) }));
const replica = fc.record({ total: fc.integer({ min: 1, max: 8 }), perTenant: fc.constantFrom(1, 2, 5, Infinity) });

describe('a replica', () => {
  it('never passes its bounds, wastes no slot, and serves the tenant that holds the fewest', () => {
    fc.assert(
      fc.property(replica, fc.array(act, { maxLength: 80 }), ({ total, perTenant }, acts) => {
        const one = new Replica(total, perTenant);
        acts.forEach((what, i) => {
          const before = new Set(one.running);
          const waited = [...one.waiting].filter(([, runs]) => runs > 0).map(([name]) => name);
          if ('arrive' in what) one.arrive(`${what.arrive}-${i}`, what.arrive);
          else one.end(what.end);
          expect(one.running.length).toBeLessThanOrEqual(total);
          for (const name of TENANTS) expect(one.held(name)).toBeLessThanOrEqual(perTenant);
          const waits = [...one.waiting].filter(([, runs]) => runs > 0).map(([name]) => name);
          const mayStart = waits.filter((name) => one.held(name) < perTenant);
          if (one.running.length < total) expect(mayStart).toEqual([]); // no slot is wasted
          const [started] = one.running.filter((run) => !before.has(run));
          if ('arrive' in what || !started) return;
          const heldBefore = one.held(started.tenantId) - 1;
          for (const other of waited) expect(heldBefore).toBeLessThanOrEqual(one.held(other)); // the fewest came first
        });
      }),
    );
  });

  it('runs everything, each tenant in its own order', () => {
    fc.assert(
      fc.property(replica, fc.array(tenant, { maxLength: 60 }), ({ total, perTenant }, arrivals) => {
        const one = new Replica(total, perTenant);
        arrivals.forEach((name, i) => one.arrive(`${name}-${i}`, name));
        for (let i = 0; one.running.length > 0; i += 1) one.end(i);
        expect(one.started).toHaveLength(arrivals.length);
        for (const name of TENANTS) {
          const order = one.started.filter((runId) => runId.startsWith(name)).map((runId) => Number(runId.slice(2)));
          expect(order).toEqual([...order].sort((x, y) => x - y));
        }
      }),
    );
  });

  it('gives the very next slot to the first run of a tenant that comes behind 1,000 of another', () => {
    const one = new Replica(8);
    for (let i = 0; i < 1_000; i += 1) one.arrive(`many-${i}`, 'many');
    one.arrive('few-0', 'few');
    one.end(0);
    expect(one.started.at(-1)).toBe('few-0');
    for (let i = 1; i < 20; i += 1) one.arrive(`few-${i}`, 'few');
    for (let i = 0; i < 20; i += 1) one.end(0);
    expect([one.held('many'), one.held('few')]).toEqual([4, 4]);
  });

  it('keeps a tenant at its part of the slots while another waits', () => {
    const held = new Map([['many', 4]]);
    const slots: Shares = { total: 8, perTenant: Infinity, held };
    expect(mayTake('many', [], slots)).toBe(true);
    expect(mayTake('many', ['many'], slots)).toBe(true);
    expect(mayTake('many', ['few'], slots)).toBe(false);
    expect(mayTake('few', ['many'], slots)).toBe(true);
    expect(mayTake('many', [], { ...slots, perTenant: 4 })).toBe(false);
  });
});

describe('the backlog', () => {
  it('is bounded, and full of one tenant it still has room for others', () => {
    const backlog = new Backlog(10);
    for (let i = 0; i < 30; i += 1) backlog.add(`a-${i}`, 'a');
    backlog.add('b-0', 'b');
    expect(backlog.size).toBe(10);
    const slots: Shares = { total: 20, perTenant: Infinity, held: new Map() };
    const out = Array.from({ length: 10 }, () => backlog.take(slots)?.runId);
    expect(out).toContain('b-0');
    expect(out).toContain('a-0');
    expect(backlog.size).toBe(0);
    expect(backlog.take(slots)).toBeUndefined();
  });
});
