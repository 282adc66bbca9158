import { randomUUID } from 'node:crypto';
import { context, propagation, trace } from '@opentelemetry/api';
import { runSpans } from './about-run.ts';
import { setEnabled } from './open-span.ts';
import { RESOURCE } from './trace-names.ts';
import { VERSION } from './version.ts';

/*
 * Where traces go. Without an endpoint no SDK is loaded, and a span is a function call (open-span.ts).
 *
 * The SDK reads the other OTEL_* variables itself: headers of the exporter, the sampler, attributes of the resource.
 */

export interface Telemetry {
  shutdown(): Promise<void>;
}

/** An attribute is cut to so many characters; a span holds no more of anything than this. */
const LIMITS = {
  attributeValueLengthLimit: 256,
  attributeCountLimit: 64,
  linkCountLimit: 32,
  eventCountLimit: 8,
} as const;

/** Starts exporting over OTLP/HTTP where an endpoint is given. */
export async function startTelemetry(options: {
  serviceName: string;
  endpoint?: string | undefined;
}): Promise<Telemetry> {
  if (options.endpoint === undefined) return { shutdown: () => Promise.resolve() };
  const [{ BatchSpanProcessor, NodeTracerProvider }, { OTLPTraceExporter }, resources] = await Promise.all([
    import('@opentelemetry/sdk-trace-node'),
    import('@opentelemetry/exporter-trace-otlp-http'),
    import('@opentelemetry/resources'),
  ]);
  const { defaultResource, detectResources, envDetector, resourceFromAttributes } = resources;
  const url = `${options.endpoint.replace(/\/$/, '').replace(/\/v1\/traces$/, '')}/v1/traces`;
  const ours = {
    [RESOURCE.namespace]: 'switchyard',
    [RESOURCE.version]: VERSION,
    [RESOURCE.instance]: randomUUID(),
  };
  const provider = new NodeTracerProvider({
    // The operator's attributes win over ours.
    resource: defaultResource()
      .merge(resourceFromAttributes(ours))
      .merge(detectResources({ detectors: [envDetector] }))
      .merge(resourceFromAttributes({ [RESOURCE.name]: options.serviceName })),
    spanLimits: LIMITS,
    spanProcessors: [runSpans, new BatchSpanProcessor(new OTLPTraceExporter({ url, timeoutMillis: 5_000 }))],
  });
  provider.register();
  setEnabled(true);
  return {
    shutdown: async () => {
      setEnabled(false);
      for (const part of [trace, context, propagation]) part.disable();
      // A collector that is away costs spans, never an orderly stop.
      await provider.shutdown().catch(() => undefined);
    },
  };
}
