import { format } from 'node:util';
import { isSpanContextValid, trace } from '@opentelemetry/api';
import { pino, type Bindings, type DestinationStream, type Logger as PinoLogger } from 'pino';
import { currentContext } from './context.ts';
import { cleanText, truncateForLog } from './truncate.ts';

export type Logger = PinoLogger;

export interface LoggerOptions {
  readonly app: string;
  /** Default: LOG_LEVEL, else info. */
  readonly level?: string;
  /** Default: standard output. */
  readonly destination?: DestinationStream;
}

/** A stack is worth little at 500 characters. */
const MAX_STACK = 4_000;
const MAX_CAUSES = 8;

/**
 * One JSON object a line: time, level, app, the ids of the work at hand (run, step, tenant, trace), message.
 * Secrets are masked and values cut before they are written, in fields, bindings of children, messages and what
 * is put into them. Errors keep their stack and their causes. A level that is off costs one comparison.
 */
export function createLogger({ app, level, destination }: LoggerOptions): Logger {
  const log = pino(
    {
      level: knownLevel(level ?? process.env['LOG_LEVEL']),
      base: { app },
      timestamp: pino.stdTimeFunctions.isoTime,
      messageKey: 'message',
      formatters: {
        level: (label) => ({ level: label }),
        log: cleanFields,
      },
      // cleanFields has turned errors into records already; pino's own serializer would add them unmasked.
      serializers: { err: (value: unknown) => value },
      hooks: {
        logMethod(args, method) {
          method.apply(this, cleanArguments(args) as Parameters<typeof method>);
        },
      },
      mixin: () => ({ ...currentContext(), ...traceIds() }),
    },
    destination ?? pino.destination({ dest: 1, sync: false }),
  );
  // pino writes the bindings of a child unformatted; children inherit this from their parent.
  const child = log.child;
  log.child = function <This extends Logger>(this: This, bindings: Bindings, options?: object) {
    return child.call(this, cleanFields(bindings), options);
  } as Logger['child'];
  return log;
}

/** A level that does not exist must not keep a service from starting. */
function knownLevel(level: string | undefined): string {
  const wanted = (level ?? '').trim().toLowerCase();
  return wanted === 'silent' || wanted in pino.levels.values ? wanted : 'info';
}

function traceIds(): { traceId?: string; spanId?: string } {
  const context = trace.getActiveSpan()?.spanContext();
  return context && isSpanContextValid(context) ? { traceId: context.traceId, spanId: context.spanId } : {};
}

function cleanFields(fields: Record<string, unknown>): Record<string, unknown> {
  const errors = Object.entries(fields).filter(([, value]) => value instanceof Error);
  const clean = truncateForLog(fields) as Record<string, unknown>;
  for (const [key, error] of errors) clean[key] = errorRecord(error);
  return clean;
}

/** `(fields?, message?, ...values)` as `(fields, finished message)`, so that no part escapes the masks. */
function cleanArguments(args: readonly unknown[]): unknown[] {
  const [first, ...rest] = args;
  if (typeof first === 'string') return [cleanText(args.length === 1 ? first : format(first, ...rest))];
  const fields = first instanceof Error ? { err: first } : first;
  if (rest[0] !== undefined) return [fields, cleanText(rest.length === 1 ? String(rest[0]) : format(...rest))];
  const { err } = (typeof fields === 'object' && fields !== null ? fields : {}) as { err?: unknown };
  return err instanceof Error ? [fields, cleanText(err.message)] : [fields];
}

/** Cause and stack are for the logs; they pass the same masks as everything else. */
function errorRecord(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return truncateForLog(error);
  if (depth >= MAX_CAUSES) return '[too deep]';
  const { code } = error as { code?: unknown };
  const inner = error instanceof AggregateError ? error.errors.slice(0, MAX_CAUSES) : [];
  return {
    name: error.name,
    ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
    message: cleanText(error.message),
    stack: cleanText(error.stack ?? '', MAX_STACK),
    ...(inner.length === 0 ? {} : { errors: inner.map((each) => errorRecord(each, depth + 1)) }),
    ...(error.cause === undefined ? {} : { cause: errorRecord(error.cause, depth + 1) }),
  };
}
