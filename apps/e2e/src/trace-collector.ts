import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ABOUT, ERROR_TYPE, RESOURCE, type SpanName, type SpanRule, SPANS } from '@switchyard/platform';

/** A trace collector for tests: it takes OTLP over HTTP, in JSON, and keeps every span. */

export interface TracedSpan {
  readonly service: string;
  readonly name: string;
  readonly kind: SpanRule['kind'];
  readonly traceId: string;
  readonly spanId: string;
  /** Undefined for the first span of a trace. */
  readonly parentSpanId: string | undefined;
  readonly failed: boolean;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly links: readonly {
    readonly traceId: string;
    readonly spanId: string;
    readonly attributes: Readonly<Record<string, unknown>>;
  }[];
  readonly resource: Readonly<Record<string, unknown>>;
}

export interface TraceCollector {
  /** The value of OTEL_EXPORTER_OTLP_ENDPOINT. */
  readonly url: string;
  readonly spans: readonly TracedSpan[];
  /** All requests, unchanged. */
  readonly raw: readonly string[];
  stop(): Promise<void>;
}

type Value = Readonly<Record<string, unknown>> & { readonly arrayValue?: { readonly values?: readonly Value[] } };
type Pairs = readonly { readonly key: string; readonly value: Value }[] | undefined;
interface Otlp {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: Pairs };
    readonly scopeSpans: readonly { readonly spans: readonly OtlpSpan[] }[];
  }[];
}
interface OtlpSpan {
  readonly name: string;
  readonly kind: number;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly status?: { readonly code?: number };
  readonly attributes: Pairs;
  readonly links?: readonly { readonly traceId: string; readonly spanId: string; readonly attributes: Pairs }[];
}

/** Kinds of spans by their numbers in the protocol; 0 is unspecified. */
const KINDS = ['internal', 'internal', 'server', 'client', 'producer', 'consumer'] as const;
const FAILED = 2;

export async function startTraceCollector(): Promise<TraceCollector> {
  const spans: TracedSpan[] = [];
  const raw: string[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString('utf8');
      const known = request.url === '/v1/traces' && request.headers['content-type'] === 'application/json';
      if (known) {
        raw.push(body);
        spans.push(...spansOf(JSON.parse(body) as Otlp));
      }
      response.writeHead(known ? 200 : 415, { 'content-type': 'application/json' }).end('{}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    raw,
    stop: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

function spansOf({ resourceSpans }: Otlp): TracedSpan[] {
  return resourceSpans.flatMap(({ resource: of, scopeSpans }) => {
    const resource = valuesOf(of.attributes);
    return scopeSpans.flatMap((scope) =>
      scope.spans.map(({ name, kind, traceId, spanId, parentSpanId, status, attributes, links = [] }) => ({
        service: String(resource[RESOURCE.name]),
        name,
        kind: KINDS[kind] ?? 'internal',
        traceId,
        spanId,
        parentSpanId: parentSpanId === '' ? undefined : parentSpanId,
        failed: status?.code === FAILED,
        attributes: valuesOf(attributes),
        links: links.map((link) => ({ ...link, attributes: valuesOf(link.attributes) })),
        resource,
      })),
    );
  });
}

function valuesOf(pairs: Pairs): Record<string, unknown> {
  return Object.fromEntries((pairs ?? []).map(({ key, value }) => [key, valueOf(value)]));
}

function valueOf({ arrayValue, ...value }: Value): unknown {
  return arrayValue ? (arrayValue.values ?? []).map(valueOf) : Object.values(value)[0];
}

/** The rows of the span table that a span may belong to, by its kind and name. */
export function kindsOf({ name, kind }: TracedSpan): SpanName[] {
  const rules = Object.entries(SPANS) as [SpanName, SpanRule][];
  return rules.filter(([, rule]) => rule.kind === kind && rule.name.test(name)).map(([which]) => which);
}

const MAX_CHARS = 256;
const ABOUT_RUNS: readonly string[] = Object.values(ABOUT);
const OF_RESOURCE = [
  ...Object.values(RESOURCE),
  'telemetry.sdk.name',
  'telemetry.sdk.language',
  'telemetry.sdk.version',
];

/** How a span differs from the span table; empty if it does not. */
export function findingsOf(span: TracedSpan): string[] {
  const at = `${span.service}: ${span.kind} "${span.name}"`;
  const [which, ...more] = kindsOf(span);
  if (which === undefined || more.length > 0) return [`${at} is of ${which === undefined ? 'no kind' : 'two kinds'}`];
  const rule: SpanRule = SPANS[which];
  const { attributes, resource, failed } = span;
  const wrong = attributes[ERROR_TYPE] !== undefined;
  const needed = [...rule.always, ...(wrong ? [] : (rule.whenDone ?? []))];
  const known = new Set([...rule.always, ...(rule.whenDone ?? []), ...rule.sometimes, ...ABOUT_RUNS]);
  return [
    ...needed.filter((name) => attributes[name] === undefined).map((name) => `${at} has no ${name}`),
    ...Object.keys(attributes).flatMap((name) => (known.has(name) ? [] : [`${at} has ${name}, which no rule knows`])),
    ...Object.entries(attributes).flatMap(([name, value]) =>
      String(value).length > MAX_CHARS ? [`${at} has a long ${name}`] : [],
    ),
    ...OF_RESOURCE.filter((name) => resource[name] === undefined).map((name) => `${at}: the resource has no ${name}`),
    ...(failed === wrong ? [] : [`${at}: its status and ${ERROR_TYPE} do not agree`]),
  ];
}

/** The spans whose parent did not come. `known`: spans of others, by id. */
export function orphansOf(spans: readonly TracedSpan[], known: readonly string[] = []): TracedSpan[] {
  const there = new Set([...spans.map(({ spanId }) => spanId), ...known]);
  return spans.filter(({ parentSpanId }) => parentSpanId !== undefined && !there.has(parentSpanId));
}
