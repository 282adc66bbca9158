/* Traces: spans, their names and their attributes, and where they go. */

export { idsIn, runAttributes, type RunIds } from './about-run.ts';
export {
  errorType,
  injectTrace,
  type OpenSpan,
  openSpan,
  type SpanOptions,
  telemetryEnabled,
  type TraceHeaders,
  withoutTrace,
  withRemoteTrace,
  withSpan,
} from './open-span.ts';
export { HIDDEN, serverOf, shownPath, shownQuery, shownUrl } from './shown-url.ts';
export { type SpanName, type SpanRule, SPANS } from './spans.ts';
export { startTelemetry, type Telemetry } from './telemetry.ts';
export { ABOUT, ERROR_TYPE, GEN_AI, HTTP, LINK, MESSAGING, RESOURCE, RUN_STATUS, SERVER } from './trace-names.ts';
export { VERSION } from './version.ts';
