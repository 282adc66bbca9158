import type { RequestContract, RunEvent } from '@switchyard/contracts';
import {
  idsIn,
  injectTrace,
  MESSAGING,
  openSpan,
  type OpenSpan,
  type RunIds,
  telemetryEnabled,
  type TraceHeaders,
  withoutTrace,
  withRemoteTrace,
  withSpan,
} from '@switchyard/platform';
import { HEADER } from './protocol.ts';

/*
 * Spans of bus messages, with the names of OpenTelemetry's messaging conventions.
 *
 * - A span names a destination with ids by its template: there are as many names as contracts.
 * - A request carries the trace, and its run as baggage. Without telemetry neither is computed.
 * - The work on a message from a stream is a trace of its own, linked to the trace that published the message: the
 *   message may come again days later.
 */

const EVENTS = 'run.{tenant}.{run}.{fact}';
const SYSTEM = { [MESSAGING.system]: 'nats' };

/** The headers that carry the active trace; none where there is no trace. */
export function traceHeaders(): Record<string, string> {
  const { traceparent, tracestate, baggage } = injectTrace();
  return {
    ...(traceparent === undefined ? {} : { [HEADER.traceparent]: traceparent }),
    ...(tracestate === undefined ? {} : { [HEADER.tracestate]: tracestate }),
    ...(baggage === undefined ? {} : { [HEADER.baggage]: baggage }),
  };
}

/** One request, until its answer. */
export function asked<T>(contract: RequestContract, input: unknown, ask: () => Promise<T>): Promise<T> {
  if (!telemetryEnabled()) return ask();
  const attributes = { ...SYSTEM, ...operation('request', 'send'), ...destination(contract) };
  return withSpan('ask', `request ${contract.subject}`, attributes, (span) => noting(span, input, ask), {
    about: idsIn(input),
  });
}

/** The work on one request. `read` returns one header of the message. */
export function answered<T>(
  contract: RequestContract,
  input: unknown,
  read: (header: string) => string | undefined,
  work: () => Promise<T>,
): Promise<T> {
  if (!telemetryEnabled()) return work();
  const attributes = {
    ...SYSTEM,
    ...operation('process', 'process'),
    ...destination(contract),
    [MESSAGING.group]: contract.answeredBy,
  };
  const parent = traceIn(read);
  return withSpan('answer', `process ${contract.subject}`, attributes, (span) => noting(span, input, work), {
    ...(parent.traceparent === undefined ? {} : { parent }),
    about: idsIn(input),
  });
}

/** Facts of one run go to the stream. */
export function published(events: readonly RunEvent[], store: () => Promise<void>): Promise<void> {
  const [first] = events;
  if (!telemetryEnabled() || !first) return store();
  const attributes = { ...SYSTEM, ...operation('publish', 'send'), ...facts(events.length) };
  return withSpan('publish', `publish ${EVENTS}`, attributes, store, { about: runOf(first) });
}

/** A fact of a run that was taken from the stream, with the trace that its publisher gave it. */
export interface TakenFact {
  readonly event: RunEvent;
  readonly traceparent: string | undefined;
}

/** Facts are handled together; each of their runs gets a span, linked to the trace that published them. */
export async function consumed(
  taken: readonly TakenFact[],
  durable: string,
  handle: () => Promise<void>,
): Promise<void> {
  if (!telemetryEnabled()) return handle();
  const runs = new Map<string, TakenFact[]>();
  for (const one of taken) runs.set(one.event.runId, [...(runs.get(one.event.runId) ?? []), one]);
  const spans = [...runs.values()].map((facts) => consumeSpan(facts, durable));
  const [only] = spans.length === 1 ? spans : [];
  try {
    await (only ? only.within(handle) : withoutTrace(handle));
  } catch (error) {
    for (const span of spans) span.fail(error);
    throw error;
  } finally {
    for (const span of spans) span.end();
  }
}

/** Runs `handle` as part of the trace that a message brought, if it brought one. */
export function inTraceOf<T>(read: (header: string) => string | undefined, handle: () => T): T {
  return telemetryEnabled() ? withRemoteTrace(traceIn(read), handle) : handle();
}

function consumeSpan(taken: readonly TakenFact[], durable: string): OpenSpan {
  const attributes = {
    ...SYSTEM,
    ...operation('process', 'process'),
    ...facts(taken.length),
    [MESSAGING.group]: durable,
  };
  const links = [...new Set(taken.map(({ traceparent }) => traceparent))].map((to) => ({ to }));
  const [first] = taken;
  return openSpan('consume', `process ${EVENTS}`, attributes, { links, about: first ? runOf(first.event) : {} });
}

function runOf({ runId, tenantId }: RunEvent): RunIds {
  return { runId, tenantId };
}

function facts(count: number): Record<string, string | number> {
  return { [MESSAGING.destination]: EVENTS, [MESSAGING.template]: EVENTS, [MESSAGING.count]: count };
}

function operation(name: string, type: 'send' | 'process'): Record<string, string> {
  return { [MESSAGING.operation]: name, [MESSAGING.operationType]: type };
}

function destination({ subject }: RequestContract): Record<string, string> {
  return { [MESSAGING.destination]: subject, ...(subject.endsWith('.*') ? { [MESSAGING.template]: subject } : {}) };
}

/** If the answer names the run (a key may have led to an earlier one), the span is about that run. */
async function noting<T>(span: OpenSpan, input: unknown, work: () => Promise<T>): Promise<T> {
  const answer = await work();
  const { runId } = idsIn(answer);
  if (runId !== undefined) span.about({ tenantId: idsIn(input).tenantId, runId });
  return answer;
}

function traceIn(read: (header: string) => string | undefined): TraceHeaders {
  return {
    traceparent: read(HEADER.traceparent),
    tracestate: read(HEADER.tracestate),
    baggage: read(HEADER.baggage),
  };
}
