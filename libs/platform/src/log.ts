import { isSpanContextValid, trace } from '@opentelemetry/api';
import { pino, type DestinationStream, type Logger as PinoLogger } from 'pino';
import { currentContext } from './context.ts';
import { redactText, truncateForLog, truncateText } from './truncate.ts';

export type Logger = PinoLogger;

export interface LoggerOptions {
  readonly app: string;
  /** Default: LOG_LEVEL, else info. */
  readonly level?: string;
  /** Default: standard output. */
  readonly destination?: DestinationStream;
}

/**
 * One JSON object a line: time, level, app, the ids of the work at hand (run, step, tenant, trace), message.
 * Secrets are masked and values cut before they are written. A level that is off costs one comparison.
 */
export function createLogger({ app, level, destination }: LoggerOptions): Logger {
  return pino(
    {
      level: level ?? process.env['LOG_LEVEL'] ?? 'info',
      base: { app },
      timestamp: pino.stdTimeFunctions.isoTime,
      messageKey: 'message',
      formatters: {
        level: (label) => ({ level: label }),
        log: (fields) => truncateForLog(fields) as Record<string, unknown>,
      },
      serializers: { err: serializeError },
      hooks: {
        logMethod(args, method) {
          const last = args.length - 1;
          const cleaned = args.map((arg: unknown, index) =>
            index === last && typeof arg === 'string' ? redactText(arg) : arg,
          );
          method.apply(this, cleaned as Parameters<typeof method>);
        },
      },
      mixin: () => ({ ...currentContext(), ...traceIds() }),
    },
    destination ?? pino.destination({ dest: 1, sync: false }),
  );
}

function traceIds(): { traceId?: string; spanId?: string } {
  const context = trace.getActiveSpan()?.spanContext();
  return context && isSpanContextValid(context) ? { traceId: context.traceId, spanId: context.spanId } : {};
}

/** Cause and stack are for the logs; they pass the same masks as everything else. */
function serializeError(error: unknown): unknown {
  if (!(error instanceof Error)) return truncateForLog(error);
  const { code } = error as { code?: unknown };
  return {
    name: error.name,
    ...(typeof code === 'string' ? { code } : {}),
    message: truncateText(redactText(error.message)),
    stack: truncateText(redactText(error.stack ?? ''), 4_000),
    ...(error.cause === undefined ? {} : { cause: serializeError(error.cause) }),
  };
}
