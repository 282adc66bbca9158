import { z } from 'zod';
import { Id, RunId } from '../base/ids.ts';
import { OWNER_FACTS } from './run-facts-owner.ts';
import { WORKER_FACTS } from './run-facts-worker.ts';
import { safeParse } from '../base/safe-parse.ts';

/*
 * Every fact about a run. The type is <agent>.<noun>.<verb>; it is the CloudEvents `type` and the last three
 * tokens of the subject run.<tenant>.<runId>.<type>. The fields of `data` carry the names that HTTP clients
 * know (snake_case), so that one vocabulary serves the journal, the bus and the streams.
 * Adding a fact: one member in run-facts-owner.ts or run-facts-worker.ts; the compiler then lists what must decide about
 * it: the fold, each dialect, the lines of the command.
 */

export const RUN_EVENTS = [...OWNER_FACTS, ...WORKER_FACTS] as const;

type Member<E> = E extends { type: infer T extends string; data: infer D extends z.ZodType }
  ? { type: T; data: z.output<D> }
  : never;

/** A fact without its position in the journal: `{type, data}`. */
export type RunFact = Member<(typeof RUN_EVENTS)[number]>;
export type RunEventType = RunFact['type'];
export type FactOf<T extends RunEventType> = Extract<RunFact, { type: T }>;
/** A fact with its data as a writer may leave it: fields with a default may be missing. */
type Draft<E> = E extends { type: infer T extends string; data: infer D extends z.ZodType }
  ? { type: T; data: z.input<D> }
  : never;
export type RunFactDraft = Draft<(typeof RUN_EVENTS)[number]>;

/** A fact in its place. `seq` counts from 1 without a hole; `epoch` is the fence under which it was written. */
export type RunEvent = RunFact & RunEventPlace;

export const RunEventPlace = z.object({
  runId: RunId,
  tenantId: Id,
  seq: z.number().int().min(1),
  epoch: z.number().int().min(0),
  stepId: Id.nullable(),
  /** Milliseconds since 1970, by the database's clock. */
  ts: z.number().int(),
});
export type RunEventPlace = z.infer<typeof RunEventPlace>;

/** Data of facts that came out of a contract, with the type that it was checked for. */
const CHECKED = new WeakMap<object, RunEventType>();

const BY_TYPE: ReadonlyMap<string, (typeof RUN_EVENTS)[number]> = new Map(RUN_EVENTS.map((e) => [e.type, e]));

export function isRunEventType(value: string): value is RunEventType {
  return BY_TYPE.has(value);
}

/** Parses `{type, data}`; answers undefined where the type is unknown or the data does not fit. */
export function parseFact(value: unknown): RunFact | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { type, data } = value as { type?: unknown; data?: unknown };
  const contract = typeof type === 'string' ? BY_TYPE.get(type) : undefined;
  const parsed = contract && safeParse(contract.data, data);
  if (!contract || !parsed?.success) return undefined;
  CHECKED.set(parsed.data, contract.type);
  // The pair was checked member by member; TypeScript cannot follow the lookup.
  return { type: contract.type, data: parsed.data } as RunFact;
}

/** As `parseFact`; data that it made in this process and that nobody may have changed since is not checked anew. */
export function checkedFact(value: RunFactDraft): RunFact | undefined {
  if (CHECKED.get(value.data) !== value.type) return parseFact(value);
  return { type: value.type, data: value.data } as RunFact;
}

/** Parses `{...place, type, data}`; answers undefined for anything else. */
export function parseRunEvent(value: unknown): RunEvent | undefined {
  const place = safeParse(RunEventPlace, value);
  const fact = parseFact(value);
  return place.success && fact ? { ...place.data, ...fact } : undefined;
}

export const RunEventSchema = z.custom<RunEvent>((value) => parseRunEvent(value) !== undefined, 'expected a run event');

/** The facts that a worker may report in progress frames; the run's owner appends them. */
export function isProgressType(type: RunEventType): boolean {
  return !type.startsWith('orchestrator.');
}

export const TERMINAL_TYPE = 'orchestrator.task.completed' satisfies RunEventType;

/**
 * Ends a switch that decides about every fact: one that it leaves out does not compile here. A journal may hold a fact of
 * a newer version that only tells (journal-version.ts); for such a one the outcome is `outcome`.
 */
export function undecided<T>(_fact: never, outcome: T): T {
  return outcome;
}
