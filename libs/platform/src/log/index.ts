export { logConsole } from './console.ts';
export { eventLogger, type LogEventWriter, type LogFields, logSharedEvent } from './event-logger.ts';
export { errorEvent, fatalEvent, infoEvent, type LogEvent, type LogEvents, warnEvent } from './log-event.ts';
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
export { SHARED_LOG_EVENTS } from './shared-log-events.ts';
