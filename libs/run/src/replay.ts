import {
  ENGINE_VERSIONS,
  isRunEventType,
  parseFact,
  type RunEvent,
  type RunFactDraft,
  upcast,
  versionOf,
} from '@switchyard/contracts';
import { type DifferentAt, differenceOf } from './difference.ts';
import { evolve, objection } from './evolve.ts';
import { announcementsFor } from './foresee.ts';
import { next } from './next.ts';
import { retell } from './replay-inputs.ts';
import { INITIAL, type RunState } from './state.ts';

/*
 * Walks a recorded journal and asks at each event whether today's code would have written the same. Total and pure.
 *
 * - What the run was told (answers of the model, of workers and of people, the time) is taken as recorded. Everything
 *   that the code decides from it is worked out anew and compared, word for word.
 * - The owner appended what follows without I/O together with what led to it. So replay expects it at once, before the
 *   run is told anything else, except within one append (same time) or where the run changed hands before it could be
 *   announced.
 * - The owner took decisions by time by its own clock, and the database recorded times by its clock: within
 *   CLOCK_SLACK_MS either is right.
 */

interface Fact {
  readonly type: string;
  readonly data: unknown;
}

export interface Difference {
  readonly seq: number;
  readonly recorded: Fact | null;
  /** What today's code would write in its place; null: it would write nothing and wait. */
  readonly today: Fact | null;
  /** One sentence. */
  readonly why: string;
}

export interface Replay {
  readonly runId: string;
  /** The version under which the journal was written; null where it does not say. */
  readonly engineVersion: number | null;
  readonly events: number;
  /** How many events today's code has confirmed. */
  readonly confirmed: number;
  readonly ended: boolean;
  /** Null: today's code takes the same decisions. */
  readonly difference: Difference | null;
}

const CLOCK_SLACK_MS = 60_000;

/** Says whether today's code takes the decisions that are recorded, and where it first does not. */
export function replay(journal: readonly RunEvent[]): Replay {
  const version = versionOf(journal) ?? null;
  const report = (state: RunState, confirmed: number, difference: Difference | null): Replay => ({
    runId: journal[0]?.runId ?? '',
    engineVersion: version,
    events: journal.length,
    confirmed,
    ended: state.phase === 'ended',
    difference,
  });
  if (version === null || !ENGINE_VERSIONS.includes(version)) {
    const known = ENGINE_VERSIONS.join(', ');
    const why =
      version === null
        ? 'This is no journal of a run: it does not begin with orchestrator.run.accepted.'
        : `The journal is of engine version ${version}; this code continues ${known} and would leave it to others.`;
    return report(INITIAL, 0, { seq: journal[0]?.seq ?? 0, recorded: factOf(journal[0]), today: null, why });
  }
  const events = journal.map((event) => ({ ...event, ...upcast(event, version) }) as RunEvent);
  const walk = new Walk(taskRuleOf(events));
  for (const [index, event] of events.entries()) {
    const difference = walk.step(event);
    if (difference) return report(walk.state, index, difference);
  }
  return report(walk.state, events.length, walk.missing());
}

/** Whether the task violates a rule is configuration: the recorded verdict stands for it. */
function taskRuleOf(events: readonly RunEvent[]): string | null {
  for (const event of events) {
    if (event.type === 'orchestrator.guardrail.violated' && event.data.where === 'task') return event.data.rule;
  }
  return null;
}

class Walk {
  state: RunState = INITIAL;
  /** What must come next, whatever else happens: the rest of what is written in one piece. */
  #expected: readonly RunFactDraft[] = [];

  readonly #taskRule: string | null;

  constructor(taskRule: string | null) {
    this.#taskRule = taskRule;
  }

  step(event: RunEvent): Difference | null {
    const difference = this.#judge(event);
    if (difference) return difference;
    const reason = objection(this.state, event);
    if (reason !== null) return different(event, null, `The run would not take this: ${reason}.`);
    this.state = evolve(this.state, event);
    return null;
  }

  /** What a journal lacks at its end: the owner appends what follows together with what led to it. */
  missing(): Difference | null {
    const { seq, lastTs } = this.state;
    const lacks = this.#expected[0] ?? (seq === 1 ? undefined : this.#announced(lastTs - CLOCK_SLACK_MS)[0]);
    if (!lacks) return null;
    const today = plain(lacks);
    return { seq: seq + 1, recorded: null, today, why: `The journal stops before ${today.type}.` };
  }

  #judge(event: RunEvent): Difference | null {
    if (this.state.phase === 'new') return null;
    if (!isRunEventType(event.type)) return different(event, null, `Today's code does not know this fact.`);
    const [expected, ...rest] = this.#expected;
    if (expected) {
      this.#expected = rest;
      return compare(event, expected);
    }
    const times = this.#times(event);
    const announced = times.map((now) => this.#announced(now));
    for (const list of announced) {
      if (list[0] && compare(event, list[0]) === null) {
        this.#expected = list.slice(1);
        return null;
      }
    }
    const told = retell(this.state, event);
    const sameAppend = event.ts === this.state.lastTs || event.epoch > this.state.epoch;
    const free = sameAppend || announced.some((list) => list.length === 0);
    if (!told || !free) return this.#instead(event, announced[0]?.[0]);
    if (!told.fact) return different(event, null, told.why ?? 'This would not be written here.');
    const difference = compare(event, told.fact, told.why);
    if (difference === null) this.#expected = told.follows ?? [];
    return difference;
  }

  /** Today's code would write something else in this place, or nothing. */
  #instead(event: RunEvent, today: RunFactDraft | undefined): Difference {
    if (today) return compare(event, today) ?? different(event, plain(today), 'It would be written at another time.');
    const { do: does } = next(this.state, event.ts);
    const waits = { plan: 'the model', perform: 'its steps', wait: 'a person' } as Readonly<Record<string, string>>;
    return different(event, null, `The run would wait for ${waits[does] ?? 'nothing'} here.`);
  }

  #announced(now: number): RunFactDraft[] {
    return announcementsFor(this.state, { now, checkTask: () => this.#taskRule });
  }

  /** The times at which this event may have been decided, by the owner's clock or by the database's. */
  #times(event: RunEvent): number[] {
    const { lastTs, acceptedAt, waitedMs } = this.state;
    const times = [event.ts, lastTs, event.ts + CLOCK_SLACK_MS, lastTs - CLOCK_SLACK_MS];
    if (event.type === 'orchestrator.budget.exceeded' && event.data.kind === 'seconds') {
      times.push(acceptedAt + waitedMs + Math.round(event.data.used * 1_000));
    }
    if (event.type === 'orchestrator.approval.requested') {
      const [asked] = this.#announced(lastTs);
      if (asked?.type === 'orchestrator.approval.requested')
        times.push(event.data.expires_at - (asked.data.expires_at - lastTs));
    }
    return times;
  }
}

/** Null where the event is what today's code would write. */
function compare(event: RunEvent, draft: RunFactDraft, why?: string): Difference | null {
  const today = plain(draft);
  if (event.type !== today.type) return different(event, today, why ?? `It would be ${today.type}.`);
  const found = differenceOf(event.data, today.data);
  return found && different(event, today, why ?? sentenceOf(found));
}

function different(event: RunEvent, today: Fact | null, why: string): Difference {
  return { seq: event.seq, recorded: factOf(event), today, why };
}

function sentenceOf({ path, recorded, today }: DifferentAt): string {
  return `"${path}" is recorded as ${shown(recorded)}; it would be ${shown(today)}.`;
}

const MAX_SHOWN = 120;

function shown(value: unknown): string {
  const text = value === undefined ? 'missing' : JSON.stringify(value);
  return text.length <= MAX_SHOWN ? text : `${text.slice(0, MAX_SHOWN)}…`;
}

function factOf(event: RunEvent | undefined): Fact | null {
  return event ? { type: event.type, data: event.data } : null;
}

/** The draft with the defaults of its contract, as it would be stored. */
function plain(draft: RunFactDraft): Fact {
  const { type, data } = parseFact(draft) ?? draft;
  return { type, data };
}
