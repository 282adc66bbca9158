import type { CHAOS_TOOLS } from '../stack/index.ts';
import type { Random } from './random.ts';

/* What the clients of a round do: a pure function of its seed. */

const CLIENT_DIALECTS = ['orchestrate', 'ag-ui', 'raw'] as const;
export type ClientDialect = (typeof CLIENT_DIALECTS)[number];

type ToolName = (typeof CHAOS_TOOLS)[number]['name'];

interface PlannedCall {
  readonly kind: 'call';
  readonly tool: ToolName;
  readonly ms: number;
}

/** A task in words for the agent for tools, which calls these, one after the other. */
interface PlannedErrand {
  readonly kind: 'errand';
  readonly calls: readonly PlannedCall[];
}

/** A task in words for the agent over A2A, which takes so long and then answers, or fails. */
interface PlannedDelegation {
  readonly kind: 'delegation';
  readonly ms: number;
  readonly fails: boolean;
}

export type PlannedStep = PlannedCall | PlannedErrand | PlannedDelegation;

/** What the model asks for, turn by turn; then it answers. `sequence`: as one submitted plan. */
export interface Shape {
  readonly name: string;
  readonly turns: readonly { readonly how: 'parallel' | 'sequence'; readonly steps: readonly PlannedStep[] }[];
  /** A person is asked on the way. */
  readonly asks: boolean;
}

/** What a person says to every question of a run. */
export interface PlannedAnswer {
  readonly afterMs: number;
  readonly decision: 'approve' | 'deny';
  /** A second person decides the opposite, at the other gateway, at the same time: the product refuses one of them. */
  readonly contradicted: boolean;
}

export interface PlannedRun {
  readonly n: number;
  readonly atMs: number;
  readonly shape: string;
  readonly dialect: ClientDialect;
  readonly user: string;
  /** The first gateway; a client that comes back goes to the other one. */
  readonly gateway: 0 | 1;
  /** How many more of the same request are sent at the same time. */
  readonly duplicates: number;
  /** Another body under the same key, afterwards: must be refused. */
  readonly conflict: boolean;
  /** The client disconnects after so many frames, each time, and reconnects. Empty: it stays connected. */
  readonly vanishes: readonly { readonly afterFrames: number; readonly forMs: number }[];
  /** It reads slowly: a pause between two chunks. */
  readonly slowMs: number;
  /** Somebody cancels the run, at the other gateway. */
  readonly cancelAfterMs: number | null;
  readonly answer: PlannedAnswer | null;
}

export interface Workload {
  readonly shapes: readonly Shape[];
  readonly runs: readonly PlannedRun[];
}

const SHAPES = 120;
const USERS = 12;

export function planWorkload(random: Random, { runs, everyMs }: { runs: number; everyMs: number }): Workload {
  const shapes = Array.from({ length: Math.min(SHAPES, runs) }, (_, n) => shapeOf(random, n));
  let atMs = 0;
  return {
    shapes,
    runs: Array.from({ length: runs }, (_, n): PlannedRun => {
      atMs += random.int(0, everyMs * 2);
      const shape = random.pick(shapes);
      return {
        n,
        atMs,
        shape: shape.name,
        // An AG-UI stream ends with the question; the client goes on with a run of its own.
        dialect: random.pick(shape.asks ? CLIENT_DIALECTS.filter((dialect) => dialect !== 'ag-ui') : CLIENT_DIALECTS),
        user: `user-${random.int(1, USERS)}`,
        gateway: random.chance(0.5) ? 0 : 1,
        duplicates: random.weighted([[0, 70], [1, 15], [4, 15]]), // prettier-ignore
        conflict: random.chance(0.1),
        vanishes: random.chance(0.35)
          ? Array.from({ length: random.int(1, 3) }, () => ({
              afterFrames: random.int(1, 12),
              forMs: random.int(0, 1_200),
            }))
          : [],
        slowMs: random.chance(0.1) ? random.int(20, 200) : 0,
        cancelAfterMs: random.chance(0.15) ? random.int(0, 2_500) : null,
        answer: shape.asks
          ? {
              afterMs: random.int(0, 2_500),
              decision: random.chance(0.75) ? 'approve' : 'deny',
              contradicted: random.chance(0.4),
            }
          : null,
      };
    }),
  };
}

function shapeOf(random: Random, n: number): Shape {
  const turns = Array.from({ length: random.int(1, 3) }, () => ({
    how: random.chance(0.35) ? ('sequence' as const) : ('parallel' as const),
    steps: Array.from({ length: random.weighted([[1, 55], [2, 30], [4, 15]]) }, () => stepOf(random)), // prettier-ignore
  }));
  const asks = turns.some(({ steps }) => steps.some((step) => step.kind === 'call' && step.tool === 'chaos_asked'));
  return { name: `shape-${String(n).padStart(4, '0')}`, turns, asks };
}

function stepOf(random: Random): PlannedStep {
  switch (
    random.weighted([['call', 76], ['errand', 12], ['delegation', 12]] as const) // prettier-ignore
  ) {
    case 'call':
      return callOf(random, TOOLS);
    case 'errand':
      return { kind: 'errand', calls: Array.from({ length: random.int(1, 3) }, () => callOf(random, ERRAND_TOOLS)) };
    case 'delegation':
      return { kind: 'delegation', ms: msOf(random), fails: random.chance(0.15) };
  }
}

function callOf(random: Random, tools: readonly (readonly [ToolName, number])[]): PlannedCall {
  return { kind: 'call', tool: random.weighted(tools), ms: msOf(random) };
}

const TOOLS = [
  ['chaos_read', 25],
  ['chaos_keyed', 30],
  ['chaos_once', 35],
  ['chaos_deaf', 10],
  ['chaos_asked', 8],
] as const;
/** The tool agent calls no tool that needs an approval. */
const ERRAND_TOOLS = [
  ['chaos_read', 30],
  ['chaos_keyed', 40],
  ['chaos_once', 30],
] as const;

function msOf(random: Random): number {
  return random.weighted([
    [random.int(0, 100), 55],
    [random.int(100, 800), 35],
    [random.int(1_000, 3_500), 10],
  ]);
}

/** The task of a run names its shape, by which the scripted model answers. */
export function taskOf(run: PlannedRun): string {
  return `${run.shape}: chaos run ${run.n}`;
}
