import {
  type Attributes,
  type Context,
  context,
  type Link,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
  type Tracer,
} from '@opentelemetry/api';
import { contextAbout, runAttributes, type RunIds } from './about-run.ts';
import { type SpanName, SPANS } from './spans.ts';
import { ERROR_TYPE, LINK } from './trace-names.ts';

/*
 * Making spans. While traces go nowhere every call here is close to free: nothing is made, and the work is called as it
 * is. An error is recorded by its code, never by its text.
 */

let enabled = false;
const tracer = (): Tracer => trace.getTracer('switchyard');

export function setEnabled(to: boolean): void {
  enabled = to;
}

/** True while spans go anywhere. */
export function telemetryEnabled(): boolean {
  return enabled;
}

/** The headers that carry a trace on: W3C trace context, and, among our own services, whose run it is. */
export interface TraceHeaders {
  readonly traceparent?: string | undefined;
  readonly tracestate?: string | undefined;
  readonly baggage?: string | undefined;
}

export interface SpanOptions {
  /** The trace headers of a remote caller's request. */
  readonly parent?: TraceHeaders;
  /** Given, also empty: the span begins a trace of its own, and says by links where it comes from. */
  readonly links?: readonly { readonly to: string | undefined; readonly as?: string }[];
  /** The ids for this span and everything below it. */
  readonly about?: RunIds;
}

/** A span that is under way. After `end` it takes nothing more. */
export interface OpenSpan {
  /** Runs `fn` as part of it. */
  within<T>(fn: () => T): T;
  set(attributes: Attributes): void;
  /** Adds ids that are known only now. */
  about(ids: RunIds): void;
  /** Marks the span as failed, with a code or an error. */
  fail(error: unknown): void;
  end(): void;
}

const KINDS = {
  internal: SpanKind.INTERNAL,
  client: SpanKind.CLIENT,
  server: SpanKind.SERVER,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
} as const;

const NOTHING: OpenSpan = {
  within: (fn) => fn(),
  set: () => undefined,
  about: () => undefined,
  fail: () => undefined,
  end: () => undefined,
};

/** Begins a span; the caller must end it. */
export function openSpan(which: SpanName, name: string, attributes: Attributes, options: SpanOptions = {}): OpenSpan {
  if (!enabled) return NOTHING;
  const { links, parent } = placeOf(options);
  const span = tracer().startSpan(name, { attributes, kind: KINDS[SPANS[which].kind], links }, parent);
  const active = trace.setSpan(parent, span);
  return {
    within: (fn) => context.with(active, fn),
    set: (more) => void span.setAttributes(more),
    about: (ids) => void span.setAttributes(runAttributes(ids)),
    fail: (error) => failed(span, error),
    end: () => span.end(),
  };
}

/** Runs `fn` inside a span; what it throws is recorded. */
export async function withSpan<T>(
  which: SpanName,
  name: string,
  attributes: Attributes,
  fn: (span: OpenSpan) => Promise<T>,
  options: SpanOptions = {},
): Promise<T> {
  if (!enabled) return fn(NOTHING);
  const span = openSpan(which, name, attributes, options);
  try {
    return await span.within(() => fn(span));
  } catch (error) {
    span.fail(error);
    throw error;
  } finally {
    span.end();
  }
}

/** The active trace as headers; empty where there is none. `baggage` is for our own services alone. */
export function injectTrace(): TraceHeaders {
  if (!enabled) return {};
  const carrier: TraceHeaders = {};
  propagation.inject(context.active(), carrier);
  return carrier;
}

/** Runs `fn` as part of the trace of a remote caller. */
export function withRemoteTrace<T>(headers: TraceHeaders, fn: () => T): T {
  return enabled && headers.traceparent !== undefined ? context.with(remote(headers), fn) : fn();
}

/** Runs `fn` as part of no trace: what it begins outlives whoever needed it first, or is somebody else's. */
export function withoutTrace<T>(fn: () => T): T {
  return enabled ? context.with(ROOT_CONTEXT, fn) : fn();
}

/** A low number of values: a code of ours or of a library, the name of an error, the status of an answer. */
export function errorType(error: unknown): string {
  const { code, name } = typeof error === 'object' && error !== null ? (error as Record<string, unknown>) : {};
  const told = [typeof error === 'string' ? error : undefined, code, name === 'Error' ? undefined : name];
  return told.find((one): one is string => typeof one === 'string' && /^[A-Za-z0-9_.-]{1,64}$/.test(one)) ?? '_OTHER';
}

function failed(span: Span, error: unknown): void {
  span.setAttribute(ERROR_TYPE, errorType(error));
  span.setStatus({ code: SpanStatusCode.ERROR });
}

function remote(headers: TraceHeaders): Context {
  return propagation.extract(ROOT_CONTEXT, headers);
}

function placeOf(options: SpanOptions): { parent: Context; links: Link[] } {
  const { parent, links, about } = options;
  const within = (base: Context): Context => (about ? contextAbout(about, base) : base);
  if (!links) return { parent: within(parent ? remote(parent) : context.active()), links: [] };
  const known = links.flatMap(({ to, as }): Link[] => {
    const found = to === undefined ? undefined : trace.getSpanContext(remote({ traceparent: to }));
    return found ? [{ context: found, attributes: as === undefined ? {} : { [LINK]: as } }] : [];
  });
  const recorded = known.filter(({ context: { traceFlags } }) => (traceFlags & TraceFlags.SAMPLED) !== 0);
  const [unrecorded] = known;
  // An unrecorded trace stays unrecorded.
  if (recorded.length === 0 && unrecorded)
    return { parent: within(trace.setSpanContext(ROOT_CONTEXT, unrecorded.context)), links: [] };
  return { parent: within(ROOT_CONTEXT), links: recorded };
}
