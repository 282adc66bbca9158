import type { CHAOS_TOOLS } from './tools.ts';
import type { Random } from './random.ts';

/* What the clients of a round do: a pure function of its seed. */

const CLIENT_DIALECTS = ['orchestrate', 'ag-ui', 'raw'] as const;
export type ClientDialect = (typeof CLIENT_DIALECTS)[number];

type ToolName = (typeof CHAOS_TOOLS)[number]['name'];

export interface PlannedCall {
  readonly tool: ToolName;
  readonly ms: number;
}

/** What the model asks for, turn by turn; then it answers. `sequence`: as one submitted plan. */
export interface Shape {
  readonly name: string;
  readonly turns: readonly { readonly how: 'parallel' | 'sequence'; readonly calls: readonly PlannedCall[] }[];
  /** A person is asked on the way. */
  readonly asks: boolean;
}

/** What a person says to every question of a run. */
export interface PlannedAnswer {
  readonly afterMs: number;
  readonly decision: 'approve' | 'deny';
  /** Somebody else says the opposite, at the other gateway, at the same time: one of them is refused. */
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
  /** The client goes away after so many frames, each time, and comes back. Empty: it stays. */
  readonly vanishes: readonly { readonly afterFrames: number; readonly forMs: number }[];
  /** It reads slowly: a pause between two chunks. */
  readonly slowMs: number;
  /** Somebody asks to stop the run, at the other gateway. */
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
        // A stream of AG-UI ends with the question: what comes after it is a run of the client's own.
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
    calls: Array.from(
      {
        length: random.weighted([
          [1, 55],
          [2, 30],
          [4, 15],
        ]),
      },
      (): PlannedCall => ({
        // prettier-ignore
        tool: random.weighted<ToolName>([
        ['chaos_read', 25],
        ['chaos_keyed', 30],
        ['chaos_once', 35],
        ['chaos_deaf', 10],
        ['chaos_asked', 8],
      ]),
        ms: random.weighted([
          [random.int(0, 100), 55],
          [random.int(100, 800), 35],
          [random.int(1_000, 3_500), 10],
        ]),
      }),
    ),
  }));
  const asks = turns.some(({ calls }) => calls.some(({ tool }) => tool === 'chaos_asked'));
  return { name: `shape-${String(n).padStart(4, '0')}`, turns, asks };
}

/** The task of a run: names its shape, which the scripted model goes by. */
export function taskOf(run: PlannedRun): string {
  return `${run.shape}: chaos run ${run.n}`;
}

/** The script of the development model for these shapes. */
export function scriptOf(shapes: readonly Shape[]) {
  return {
    rules: shapes.flatMap(({ name, turns }) => [
      ...turns.map(({ how, calls }, turn) => {
        const steps = calls.map(({ tool, ms }, index) => ({
          tool,
          arguments: { ms, label: `${name}-${turn + 1}-${index + 1}` },
        }));
        return {
          when: { taskIncludes: name, turn: turn + 1 },
          respond: {
            toolCalls:
              how === 'sequence'
                ? [{ name: 'submit_plan', arguments: { steps } }]
                : steps.map((step) => ({ name: step.tool, arguments: step.arguments })),
          },
        };
      }),
      { when: { taskIncludes: name }, respond: { text: `Done with ${name}.` } },
    ]),
  };
}
