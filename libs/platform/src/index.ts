export { linkAbort, type LinkedAbort } from './abort.ts';
export { type Backoff, backoffMs, MAX_TIMER_MS, sleep } from './backoff.ts';
export {
  ABOUT,
  ERROR_TYPE,
  errorType,
  GEN_AI,
  HIDDEN,
  HTTP,
  idsIn,
  injectTrace,
  LINK,
  MESSAGING,
  type OpenSpan,
  openSpan,
  RESOURCE,
  RUN_STATUS,
  runAttributes,
  type RunIds,
  SERVER,
  serverOf,
  shownPath,
  shownQuery,
  shownUrl,
  type SpanName,
  type SpanOptions,
  type SpanRule,
  SPANS,
  startTelemetry,
  type Telemetry,
  telemetryEnabled,
  type TraceHeaders,
  VERSION,
  withoutTrace,
  withRemoteTrace,
  withSpan,
} from './telemetry/index.ts';
export { BoundedMap } from './bounded-map.ts';
export { type Clock, systemClock } from './clock.ts';
export {
  type ConfigProblem,
  type ConfigVariable,
  configPrefixes,
  describeConfig,
  type Environment,
  EXIT_CONFIG,
  loadConfig,
  parseConfig,
  type ParsedConfig,
} from './config.ts';
export { busTrust, busVariables, flag, integer, list, OPS_VARIABLES, opsAccessOf, Truth } from './config-values.ts';
export { firstLine } from './first-line.ts';
export {
  type CheckResult,
  HealthChecks,
  mayReadMetrics,
  type OpsServer,
  type Readiness,
  startOpsServer,
} from './health.ts';
export { launch } from './launch.ts';
export { createLifecycle, type Lifecycle, type LifecycleOptions } from './lifecycle.ts';
export {
  AZTM_LOGGERS,
  createLogger,
  errorEvent,
  eventLogger,
  fatalEvent,
  infoEvent,
  type Level,
  levelOf,
  LOG_PARTS,
  LOG_VARIABLES,
  type LogEvent,
  type LogEvents,
  type LogEventWriter,
  type LogFields,
  type Logger,
  type LoggerOptions,
  LogLevel,
  type LogLevels,
  LogLevelsOfParts,
  type LogPart,
  logSharedEvent,
  partOf,
  type PartName,
  SHARED_LOG_EVENTS,
  unknownParts,
  warnEvent,
  withAztmLevel,
} from './log/index.ts';
export {
  databaseSettings,
  databaseVariables,
  processSettings,
  processVariables,
  serviceSettings,
  serviceVariables,
} from './service-settings.ts';
export { createMetrics, type Metrics } from './metrics.ts';
export {
  readTlsFiles,
  type TlsFiles,
  tlsFilesOf,
  type TlsOptions,
  tlsOptions,
  type TlsServer,
  tlsVariables,
} from './tls-files.ts';
export { tlsRefusal } from './tls-refusal.ts';
export { isSecretKey, LOG_STRING_LIMIT, redactSecrets, redactText, truncateForLog, truncateText } from './truncate.ts';
export { type Behalf, currentBehalf, onBehalfOf, rememberBehalf } from './on-behalf.ts';
