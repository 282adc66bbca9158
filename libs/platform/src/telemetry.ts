import {
  type Attributes,
  context,
  type Context,
  propagation,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
  type Tracer,
} from '@opentelemetry/api';

/*
 * Traces. Without an endpoint nothing is loaded and every call here is close to free: the API's spans record
 * nothing, and `enabled` spares even those on the hot path.
 */

let enabled = false;
const tracer = (): Tracer => trace.getTracer('switchyard');

export interface Telemetry {
  shutdown(): Promise<void>;
}

/** Starts exporting over OTLP/HTTP where an endpoint is given. */
export async function startTelemetry(options: {
  serviceName: string;
  endpoint?: string | undefined;
}): Promise<Telemetry> {
  if (options.endpoint === undefined) return { shutdown: () => Promise.resolve() };
  const [{ BatchSpanProcessor, NodeTracerProvider }, { OTLPTraceExporter }, { resourceFromAttributes }] =
    await Promise.all([
      import('@opentelemetry/sdk-trace-node'),
      import('@opentelemetry/exporter-trace-otlp-http'),
      import('@opentelemetry/resources'),
    ]);
  const url = `${options.endpoint.replace(/\/$/, '').replace(/\/v1\/traces$/, '')}/v1/traces`;
  const provider = new NodeTracerProvider({
    resource: resourceFromAttributes({ 'service.name': options.serviceName }),
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter({ url, timeoutMillis: 5_000 }))],
  });
  provider.register();
  enabled = true;
  return {
    shutdown: async () => {
      enabled = false;
      for (const part of [trace, context, propagation]) part.disable();
      // A collector that is away costs spans, never an orderly stop.
      await provider.shutdown().catch(() => undefined);
    },
  };
}

/** True while spans go anywhere. */
export function telemetryEnabled(): boolean {
  return enabled;
}

export interface SpanOptions {
  readonly kind?: 'internal' | 'client' | 'server' | 'producer' | 'consumer';
  /** W3C traceparent of the caller. */
  readonly parent?: string | undefined;
}

const KINDS = {
  internal: SpanKind.INTERNAL,
  client: SpanKind.CLIENT,
  server: SpanKind.SERVER,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
} as const;

/** Runs `fn` inside a span; what it throws is recorded by its code, never by its text. */
export async function withSpan<T>(
  name: string,
  attributes: Attributes,
  fn: (span: Span) => Promise<T>,
  options: SpanOptions = {},
): Promise<T> {
  if (!enabled) return fn(NO_SPAN);
  const parent = options.parent === undefined ? context.active() : remoteContext(options.parent);
  const span = tracer().startSpan(name, { attributes, kind: KINDS[options.kind ?? 'internal'] }, parent);
  try {
    return await context.with(trace.setSpan(parent, span), () => fn(span));
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'error';
    span.setAttribute('error.type', code);
    span.setStatus({ code: SpanStatusCode.ERROR });
    throw error;
  } finally {
    span.end();
  }
}

const NO_SPAN: Span = trace.wrapSpanContext({ traceId: '0'.repeat(32), spanId: '0'.repeat(16), traceFlags: 0 });

/** The active trace as a W3C traceparent; undefined where there is none. */
export function injectTrace(): string | undefined {
  if (!enabled) return undefined;
  const carrier: { traceparent?: string } = {};
  propagation.inject(context.active(), carrier);
  return carrier.traceparent;
}

/** Runs `fn` as part of the trace of a remote caller. */
export function withRemoteTrace<T>(traceparent: string | undefined, fn: () => T): T {
  return enabled && traceparent !== undefined ? context.with(remoteContext(traceparent), fn) : fn();
}

function remoteContext(traceparent: string): Context {
  return propagation.extract(context.active(), { traceparent });
}
