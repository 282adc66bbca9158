export { linkAbort, type LinkedAbort } from './abort.ts';
export { type Backoff, backoffMs, sleep } from './backoff.ts';
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
export { GEN_AI } from './gen-ai.ts';
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
  type Level,
  levelOf,
  LOG_VARIABLES,
  LogLevel,
  type LogLevels,
  LogLevelsOfParts,
  unknownParts,
  withAztmLevel,
} from './log-levels.ts';
export { AZTM_LOGGERS, LOG_PARTS, type LogPart } from './log-parts.ts';
export { createLogger, type Logger, type LoggerOptions, partOf, type PartName } from './log.ts';
export { createMetrics, type Metrics } from './metrics.ts';
export {
  injectTrace,
  type SpanOptions,
  startTelemetry,
  type Telemetry,
  telemetryEnabled,
  withRemoteTrace,
  withSpan,
} from './telemetry.ts';
export { isSecretKey, redactSecrets, redactText, truncateForLog, truncateText } from './truncate.ts';
