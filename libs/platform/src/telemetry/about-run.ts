import { type Attributes, type Context, context, propagation } from '@opentelemetry/api';
import { publicRunId } from '@switchyard/contracts';
import { ABOUT } from './trace-names.ts';

/*
 * Which run a piece of work is about. The ids travel in the context, as OpenTelemetry baggage: to every span below
 * (RunSpans), and over the bus to the next service. They never leave over HTTP, and are never taken from there.
 */

export interface RunIds {
  readonly runId?: string | undefined;
  readonly threadId?: string | undefined;
  readonly tenantId?: string | undefined;
  readonly stepId?: string | undefined;
}

const NAMES: ReadonlySet<string> = new Set(Object.values(ABOUT));
/** Ids of runs, threads, tenants and steps are no longer. What is no id is no attribute. */
const ID = /^[A-Za-z0-9_-]{1,80}$/;

/** The ids as attributes. The run has the id that its clients know. */
export function runAttributes({ runId, threadId, tenantId, stepId }: RunIds): Record<string, string> {
  const shown = runId === undefined || tenantId === undefined ? runId : publicRunId(tenantId, runId);
  const pairs = [
    [ABOUT.run, shown],
    [ABOUT.thread, threadId],
    [ABOUT.tenant, tenantId],
    [ABOUT.step, stepId],
  ] as const;
  return Object.fromEntries(pairs.flatMap(([name, id]) => (id !== undefined && ID.test(id) ? [[name, id]] : [])));
}

/** The ids in the input of a request, or in its answer: contracts name them alike. */
export function idsIn(message: unknown): RunIds {
  const { runId, threadId, stepId, tenantId, principal, run } = fieldsOf(message);
  const { thread_id: ofRun, principal: whose } = fieldsOf(run);
  return {
    runId: text(runId),
    threadId: text(threadId) ?? text(ofRun),
    stepId: text(stepId),
    tenantId: text(fieldsOf(principal)['tenantId']) ?? text(fieldsOf(whose)['tenantId']) ?? text(tenantId),
  };
}

/** `parent` with these ids beside those that it has. */
export function contextAbout(ids: RunIds, parent: Context): Context {
  let baggage = propagation.getBaggage(parent) ?? propagation.createBaggage();
  const tenantId = ids.tenantId ?? baggage.getEntry(ABOUT.tenant)?.value;
  const entries = Object.entries(runAttributes({ ...ids, tenantId }));
  if (entries.length === 0) return parent;
  for (const [name, value] of entries) baggage = baggage.setEntry(name, { value });
  return propagation.setBaggage(parent, baggage);
}

/** The ids that are on their way in a context. Anything else in its baggage is left alone. */
export function attributesIn(of: Context): Attributes {
  const entries = propagation.getBaggage(of)?.getAllEntries() ?? [];
  return Object.fromEntries(
    entries.flatMap(([name, { value }]) => (NAMES.has(name) && ID.test(value) ? [[name, value]] : [])),
  );
}

/** Writes the ids onto every span that begins in their context. Fits the SDK's SpanProcessor. */
export const runSpans = {
  onStart(span: { setAttributes(attributes: Attributes): unknown }, parent: Context = context.active()): void {
    span.setAttributes(attributesIn(parent));
  },
  onEnd: (): void => undefined,
  forceFlush: (): Promise<void> => Promise.resolve(),
  shutdown: (): Promise<void> => Promise.resolve(),
};

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
