import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectBus } from '@switchyard/bus';
import { createLogger } from '@switchyard/platform';
import {
  delegationsOf,
  type Evidence,
  gather,
  type Recovery,
  recoveryOf,
  Tables,
  type Violation,
  violations,
} from './checks/index.ts';
import { ChaosClient, planWorkload, scriptOf, seededRandom } from './load/index.ts';
import { type FaultName, Nemesis, planFaults } from './faults/index.ts';
import { keepFile, startStack } from './stack/stack.ts';
import { LINK_NAMES, REPLICAS } from './stack/index.ts';

/*
 * One round: a stack, a workload, faults; then quiet; then the verdict.
 *
 * - The plan is a function of the options. Processes and clocks are not, so a seed replays the plan, not each
 *   interleaving.
 * - The round gives its verdict when everything has been well for a while: a run that is unfinished then is stuck.
 * - A round with a violation leaves its folder behind: logs, points, effects, evidence.
 */

export interface RoundOptions {
  readonly seed: string;
  readonly runs: number;
  readonly faults: readonly FaultName[];
  readonly mutant: string;
  readonly leaseMs: number;
  /** Mean time between two runs, and between two faults. */
  readonly runEveryMs: number;
  readonly faultEveryMs: number;
  /** Longest quiet time until everything must have ended. */
  readonly quietMs: number;
  readonly onProgress: (line: string) => void;
}

export interface RoundReport {
  readonly seed: string;
  readonly runs: number;
  readonly seconds: number;
  readonly faults: Readonly<Record<string, number>>;
  /** Points where a fault struck, and how often. */
  readonly pointsStruck: Readonly<Record<string, number>>;
  /** Points that were passed, and how often. */
  readonly pointsPassed: Readonly<Record<string, number>>;
  /** How runs ended; failed ones with their code. */
  readonly statuses: Readonly<Record<string, number>>;
  readonly steps: number;
  readonly inDoubt: number;
  readonly effects: number;
  /** Delegated steps by whom they were given to and how they ended. */
  readonly delegations: Readonly<Record<string, number>>;
  readonly resumes: number;
  readonly takeovers: number;
  readonly recovery: Recovery;
  /** Longest time from SIGTERM to the end of a process. */
  readonly longestDrainMs: number;
  /** From the end of the last fault until every run had ended. */
  readonly quietAfterMs: number;
  readonly violations: readonly Violation[];
  /** Where everything about the round is kept; null where nothing was wrong. */
  readonly folder: string | null;
}

const LOOK_EVERY_MS = 200;

export async function playRound(options: RoundOptions): Promise<RoundReport> {
  const { seed, onProgress } = options;
  const random = seededRandom(seed);
  const workload = planWorkload(random.fork('workload'), { runs: options.runs, everyMs: options.runEveryMs });
  const lastStartMs = workload.runs.at(-1)?.atMs ?? 0;
  const plan = planFaults(random.fork('faults'), {
    names: options.faults,
    durationMs: lastStartMs + 1_500,
    everyMs: options.faultEveryMs,
    leaseMs: options.leaseMs,
    replicas: REPLICAS,
    links: LINK_NAMES,
  });

  onProgress('starting a private stack');
  const stack = await startStack({ mutant: options.mutant, leaseMs: options.leaseMs });
  const tables = new Tables(stack.backends.postgres.url);
  const log = createLogger({ app: 'chaos', level: 'silent' });
  const bus = await connectBus({ url: stack.backends.nats.url, trust: 'open', app: 'observer', log });
  const nemesis = new Nemesis({ stack, bus, openRuns: () => tables.openRuns() });
  const over = new AbortController();
  setMaxListeners(0, over.signal); // all clients of the round add their listener
  let keep = true;
  try {
    await setScript(stack.modelUrl, scriptOf(workload.shapes));
    await untilReady(stack.gateways);
    onProgress(`${workload.runs.length} runs and ${plan.length} faults over ${Math.round(lastStartMs / 1_000)} s`);
    const began = Date.now();
    nemesis.begin(plan);
    const clients = workload.runs.map(async (run) => {
      await sleep(run.atMs);
      return new ChaosClient(run, seed, stack.gateways, over.signal).run();
    });
    await sleep(lastStartMs + 1_500);
    await nemesis.heal();
    const healed = Date.now();
    onProgress('no more faults; waiting until everything has ended');
    const limit = setTimeout(() => over.abort(), options.quietMs);
    const transcripts = await Promise.all(clients);
    clearTimeout(limit);
    const rest = () => Math.max(0, healed + options.quietMs - Date.now());
    await untilTrue(async () => (await tables.openRuns()).length === 0, rest());
    const quietAfterMs = Date.now() - healed;
    await untilTrue(async () => (await tables.unaudited()) === 0, rest() + 5_000);
    await untilTrue(async () => (await tables.openEffects()) === 0, rest() + 5_000);

    const evidence = await gather(stack, tables, transcripts, nemesis.struck);
    const found = violations(evidence);
    keep = found.length > 0;
    if (keep) {
      const { whole, audited, ...readable } = evidence;
      keepFile(stack, 'evidence.json', { options, plan, found, ...readable, whole: [...whole], audited: audited.size });
    }
    const drains = [...stack.services.values()].flatMap(({ deaths }) => deaths.map(({ drainMs }) => drainMs ?? 0));
    const passings = nemesis.passings();
    return {
      seed,
      runs: options.runs,
      seconds: Math.round((Date.now() - began) / 1_000),
      faults: counted(nemesis.struck, ({ fault }) => fault),
      pointsStruck: counted(
        passings.filter(({ action }) => action !== null),
        ({ point }) => point,
      ),
      pointsPassed: counted(passings, ({ point }) => point),
      ...numbersOf(evidence),
      recovery: recoveryOf(evidence.events, nemesis.struck),
      longestDrainMs: Math.max(0, ...drains),
      quietAfterMs,
      violations: found,
      folder: keep ? stack.dir : null,
    };
  } finally {
    over.abort();
    await nemesis.heal().catch(() => undefined);
    await bus.close().catch(() => undefined);
    await tables.close().catch(() => undefined);
    await stack.stop({ keep });
  }
}

function numbersOf({ events, effects, transcripts }: Evidence) {
  const delegations = delegationsOf(events).map(({ to, outcome }) => `${to} ${outcome?.status ?? 'cancelled'}`);
  const ends = events.filter(({ type }) => type === 'orchestrator.task.completed');
  const outcomes = events.filter(({ type }) => type === 'orchestrator.step.completed');
  const epochs = new Map<string, number>();
  for (const { runId, epoch } of events) epochs.set(runId, Math.max(epoch, epochs.get(runId) ?? 0));
  return {
    statuses: counted(ends, ({ data: { status, error_code: code } }) =>
      status === 'failed' ? `failed (${String(code)})` : String(status),
    ),
    steps: outcomes.length,
    inDoubt: outcomes.filter(({ data }) => data['status'] === 'in_doubt').length,
    effects: effects.length,
    delegations: counted(delegations, (how) => how),
    resumes: transcripts.reduce((sum, { resumes }) => sum + resumes, 0),
    takeovers: [...epochs.values()].reduce((sum, epoch) => sum + Math.max(0, epoch - 1), 0),
  };
}

function counted<T>(items: readonly T[], keyOf: (item: T) => string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const item of items) counts[keyOf(item)] = (counts[keyOf(item)] ?? 0) + 1;
  return Object.fromEntries(Object.entries(counts).sort(([a], [b]) => a.localeCompare(b)));
}

async function setScript(modelUrl: string, script: object): Promise<void> {
  const answer = await fetch(`${modelUrl}/script`, { method: 'PUT', body: JSON.stringify(script) });
  if (!answer.ok) throw new Error(`the model did not take its script: ${await answer.text()}`);
}

async function untilReady(gateways: readonly string[]): Promise<void> {
  const ready = async (url: string) => (await fetch(`${url}/readiness`)).ok;
  if (!(await untilTrue(async () => (await Promise.all(gateways.map(ready))).every(Boolean), 60_000)))
    throw new Error('the gateways did not get ready');
}

/** False if it did not become true in time. A condition that throws is not true yet. */
async function untilTrue(condition: () => Promise<boolean>, limitMs: number): Promise<boolean> {
  for (const until = Date.now() + limitMs; ;) {
    if (await condition().catch(() => false)) return true;
    if (Date.now() >= until) return false;
    await sleep(LOOK_EVERY_MS);
  }
}
