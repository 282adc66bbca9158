import { describe, expect, it } from '@jest/globals';
import { FAULT_NAMES, planFaults, POINTS } from './faults/faults.ts';
import { seededRandom } from './load/random.ts';
import { recoveryOf } from './checks/recovery.ts';
import { scriptOf } from './load/script.ts';
import { LINK_NAMES, REPLICAS } from './stack/topology.ts';
import { planWorkload } from './load/workload.ts';

const places = { replicas: REPLICAS, links: LINK_NAMES };
const options = { names: FAULT_NAMES, durationMs: 100_000, everyMs: 500, leaseMs: 3_000, ...places };
const planOf = (seed: string) => ({
  faults: planFaults(seededRandom(seed).fork('faults'), options),
  workload: planWorkload(seededRandom(seed).fork('workload'), { runs: 300, everyMs: 300 }),
});

describe('the plan of a round', () => {
  it('is the same for the same seed and another for another', () => {
    expect(planOf('a')).toEqual(planOf('a'));
    expect(planOf('a')).not.toEqual(planOf('b'));
  });

  it('does not change the runs where other faults are chosen', () => {
    const random = seededRandom('a');
    planFaults(random.fork('faults'), { ...options, names: ['kill'] });
    expect(planWorkload(random.fork('workload'), { runs: 300, everyMs: 300 })).toEqual(planOf('a').workload);
  });

  it('has every kind of fault, and more than half of the points, in 100 seconds', () => {
    const { faults } = planOf('a');
    expect(new Set(faults.map(({ fault }) => fault))).toEqual(new Set(FAULT_NAMES));
    const points = new Set(faults.flatMap((fault) => (fault.fault === 'point' ? [fault.point] : [])));
    expect(points.size).toBeGreaterThan(POINTS.length / 2);
  });

  it('keeps to the faults that were asked for', () => {
    const faults = planFaults(seededRandom('a'), { ...options, names: ['reset', 'pause'] });
    expect(new Set(faults.map(({ fault }) => fault))).toEqual(new Set(['reset', 'pause']));
    expect(planFaults(seededRandom('a'), { ...options, names: [] })).toEqual([]);
  });

  it('gives tasks to both agents, also in the short round of CI, and no errand what a person must approve', () => {
    const { shapes } = planWorkload(seededRandom('short').fork('workload'), { runs: 30, everyMs: 300 });
    const steps = shapes.flatMap(({ turns }) => turns.flatMap((turn) => turn.steps));
    const kinds = steps.map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind === 'errand').length).toBeGreaterThan(2);
    expect(kinds.filter((kind) => kind === 'delegation').length).toBeGreaterThan(2);
    const tools = steps.flatMap((step) => (step.kind === 'errand' ? step.calls.map(({ tool }) => tool) : []));
    expect(tools).not.toContain('chaos_asked');
  });

  it('fits into the script of the development model', () => {
    expect(scriptOf(planOf('a').workload.shapes).rules.length).toBeLessThanOrEqual(1_000);
  });
});

it('tells a takeover and the next sign of life after a fault', () => {
  const row = (seq: number, epoch: number, ts: number, type = 'a') => {
    return { runId: 'r', seq, epoch, type, stepId: null, data: {}, ts };
  };
  const events = [
    row(1, 1, 1_000),
    row(2, 1, 2_000),
    row(3, 2, 5_500),
    row(4, 2, 6_000, 'orchestrator.task.completed'),
  ];
  const fault = { fault: 'kill', target: 'orchestrator', ts: 2_500, untilTs: 2_500 };
  const { takeover, progress } = recoveryOf(events, [fault, { ...fault, target: 'redis', ts: 5_900 }]);
  expect(takeover).toEqual({ count: 1, p50: 3_000, p99: 3_000, max: 3_000 });
  expect(progress).toMatchObject({ count: 2, max: 3_000 });
});
