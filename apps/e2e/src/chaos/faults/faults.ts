import type { BackendName, PointAction, ReplyFault, Toxic, ToxicName } from '../stack/index.ts';
import type { Random } from '../load/index.ts';

/* What can go wrong in a round, and when: a plan is a pure function of its seed. */

export const FAULTS = {
  point: 'kill -9 or SIGSTOP of a service exactly at one of its fault points',
  kill: 'kill -9 of a service at any moment',
  pause: 'SIGSTOP of a service for less or more than a lease, then SIGCONT',
  drain: 'SIGTERM of a service, which is then started again, as in a rolling deploy',
  nats: 'nats-server killed or stopped, and started again',
  postgres: 'PostgreSQL killed or stopped, and started again',
  redis: 'Redis killed or stopped, and started again',
  wipe: 'nats-server started again without its JetStream store',
  latency: 'a link to NATS, PostgreSQL or the agent gets slow and uneven',
  bandwidth: 'a link gets narrow',
  cut: 'a link is cut and nobody gets through',
  'half-open': 'a link stays open and swallows everything',
  reset: 'connections of a link are reset in the middle of what they carry',
  slicer: 'a link carries a few bytes at a time',
  replies: 'answers of tools and agents come late, never, or from two deliveries of one request',
  'wake-ups': 'every open run is woken many times at once',
} as const;
export type FaultName = keyof typeof FAULTS;
export const FAULT_NAMES = Object.keys(FAULTS) as FaultName[];

/** How often each kind is chosen, where it is chosen from. */
const WEIGHTS: Readonly<Record<FaultName, number>> = {
  point: 44,
  kill: 8,
  pause: 7,
  drain: 7,
  nats: 4,
  postgres: 4,
  redis: 2,
  wipe: 2,
  latency: 3,
  bandwidth: 2,
  cut: 4,
  'half-open': 2,
  reset: 4,
  slicer: 2,
  replies: 5,
  'wake-ups': 3,
};

/** Every fault point, by the app that passes it. Each is tried before any is tried again. */
export const POINTS: readonly (readonly [app: string, point: string])[] = [
  ...both('orchestrator', [
    'journal.accept',
    'journal.claim',
    'journal.append',
    'journal.append-dispatching',
    'journal.append-outcome',
    'journal.append-end',
    'journal.putInput',
    'journal.renew',
    'journal.release',
    'journal.markPublished',
    'bus.publish',
    'bus.wake-up',
    'rpc.step.mcp.ask',
    'rpc.step.a2a.ask',
    'rpc.tools.list.ask',
    'rpc.model.turn.reply',
    'rpc.runs.start.reply',
    'rpc.runs.events.reply',
    'rpc.runs.cancel.reply',
    'wake-up.ack',
  ]),
  ['orchestrator', 'wake-up.taken'],
  ['orchestrator', 'rpc.model.turn.taken'],
  ...both('mcp-tool', [
    'ledger.begin',
    'ledger.dispatch',
    'ledger.complete',
    'rpc.step.mcp.reply',
    'effect',
    'rpc.model.turn.ask',
    'turns.keep',
  ]),
  ['mcp-tool', 'rpc.step.mcp.taken'],
  ...both('a2a', ['rpc.step.a2a.reply']),
  ['a2a', 'rpc.step.a2a.taken'],
  ['mock-a2a', 'message.arrived'],
  ['mock-a2a', 'message.worked-on'],
  ...both('gateway', ['rpc.runs.start.ask', 'rpc.runs.events.ask', 'rpc.runs.cancel.ask']),
  ...both('audit', ['facts.ack']),
  ['audit', 'facts.taken'],
];

function both(app: string, points: readonly string[]) {
  return points.flatMap((point) => [[app, `${point}.before`] as const, [app, `${point}.after`] as const]);
}

export type PlannedFault = { readonly atMs: number } & (
  | {
      readonly fault: 'point';
      readonly service: string;
      readonly point: string;
      readonly nth: number;
      readonly action: PointAction;
      readonly stopMs: number;
    }
  | { readonly fault: 'kill' | 'drain'; readonly service: string }
  | { readonly fault: 'pause'; readonly service: string; readonly ms: number }
  | { readonly fault: BackendName | 'wipe'; readonly how: 'kill' | 'stop'; readonly downMs: number }
  | { readonly fault: ToxicName; readonly link: string; readonly toxic: Toxic; readonly ms: number }
  | {
      readonly fault: 'replies';
      readonly service: string;
      readonly how: ReplyFault;
      readonly count: number;
      readonly ms: number;
    }
  | { readonly fault: 'wake-ups'; readonly times: number }
);

export interface FaultPlanOptions {
  readonly names: readonly FaultName[];
  /** Faults begin within this time. */
  readonly durationMs: number;
  /** Mean time between two. */
  readonly everyMs: number;
  readonly leaseMs: number;
  readonly replicas: Readonly<Record<string, readonly string[]>>;
  readonly links: readonly string[];
}

export function planFaults(random: Random, options: FaultPlanOptions): PlannedFault[] {
  const { names, durationMs, everyMs, leaseMs, replicas, links } = options;
  if (names.length === 0) return [];
  const services = Object.values(replicas).flat();
  const workers = [...(replicas['mcp-tool'] ?? []), ...(replicas['a2a'] ?? [])];
  const weights = names.map((name) => [name, WEIGHTS[name]] as const);
  let points: (readonly [string, string])[] = [];
  const plan: PlannedFault[] = [];
  const pauseMs = () => (random.chance(0.5) ? random.int(200, leaseMs - 500) : random.int(leaseMs + 500, leaseMs * 2));

  const one = (atMs: number, fault: FaultName): PlannedFault => {
    switch (fault) {
      case 'point': {
        if (points.length === 0) points = random.shuffled(POINTS);
        const [app, point] = points.pop()!;
        const action = random.chance(0.75) ? 'kill' : 'stop';
        const service = random.pick(replicas[app] ?? [app]);
        return { atMs, fault, service, point, nth: random.int(1, 2), action, stopMs: pauseMs() };
      }
      case 'kill':
      case 'drain':
        return { atMs, fault, service: random.pick(services) };
      case 'pause':
        return { atMs, fault, service: random.pick(services), ms: pauseMs() };
      case 'nats':
      case 'postgres':
      case 'redis':
      case 'wipe':
        return { atMs, fault, how: random.chance(0.7) ? 'kill' : 'stop', downMs: random.int(0, 1_500) };
      case 'replies': {
        const how = random.pick(['late', 'lost', 'twice'] as const);
        const service = random.pick(workers);
        return { atMs, fault, service, how, count: random.int(1, 3), ms: random.int(500, 5_000) };
      }
      case 'wake-ups':
        return { atMs, fault, times: random.int(5, 50) };
      default:
        return { atMs, fault, link: random.pick(links), toxic: toxicOf(random, fault), ms: random.int(500, 4_000) };
    }
  };

  for (let atMs = everyMs; atMs < durationMs; atMs += random.int(everyMs * 0.4, everyMs * 1.6)) {
    plan.push(one(Math.round(atMs), random.weighted(weights)));
  }
  return plan;
}

function toxicOf(random: Random, name: ToxicName): Toxic {
  switch (name) {
    case 'latency':
      return { name, ms: random.int(50, 250), jitterMs: random.int(0, 50) };
    case 'bandwidth':
      return { name, bytesPerSecond: random.int(8_000, 64_000) };
    case 'slicer':
      return { name, bytes: random.int(1, 16) };
    default:
      return { name };
  }
}
