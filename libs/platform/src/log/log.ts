import { format, types } from 'node:util';
import { isSpanContextValid, trace } from '@opentelemetry/api';
import { pino, type Bindings, type DestinationStream, type Logger as PinoLogger } from 'pino';
import { logSharedEvent } from './event-logger.ts';
import { type Level, levelOf, levelOfPart, type LogLevels, NO_LEVELS, unknownParts } from './log-levels.ts';
import type { LogPart } from './log-parts.ts';
import { redactAndCut, isSecretKey, truncateForLog } from '../truncate.ts';

export type Logger = PinoLogger;

export interface LoggerOptions {
  readonly app: string;
  /** Default: LOG_LEVEL, else info. */
  readonly level?: string;
  /** Of its parts, beside that. */
  readonly levels?: LogLevels;
  /** Default: standard output. */
  readonly destination?: DestinationStream;
}

/** A stack is worth little at 500 characters. */
const MAX_STACK = 4_000;
const MAX_CAUSES = 8;

/** The levels that a logger shares with its children. */
const OF = Symbol('levels of this service');
interface Leveled {
  readonly [OF]?: { readonly app: string; readonly level: Level; readonly levels: LogLevels };
}

/** `xmpp-bridge.login` is the part `login` of a service. */
export type PartName = LogPart extends infer Part ? (Part extends `${string}.${infer Own}` ? Own : Part) : never;

/**
 * One JSON object a line: time, level, app, the ids of the trace, message. Whoever works on something (a run, a step, for
 * a tenant) names it in the line or in a child: an asynchronous store for it would make each promise of the process dearer.
 * Secrets are masked and values cut before they are written, in fields, bindings of children, messages and what
 * is put into them. Errors keep their stack and their causes. A level that is off costs one comparison. Whatever is
 * logged, the call does not throw.
 */
export function createLogger({ app, level: asked, levels = NO_LEVELS, destination }: LoggerOptions): Logger {
  const level = knownLevel(asked ?? process.env['LOG_LEVEL']);
  const log = pino(
    {
      level: levelOfPart(levels, app, undefined, level),
      base: { app },
      timestamp: pino.stdTimeFunctions.isoTime,
      messageKey: 'message',
      formatters: { level: (label) => ({ level: label }) },
      // cleanArguments has turned errors into records already; pino's own serializer would add them unmasked.
      serializers: { err: (value: unknown) => value },
      hooks: {
        logMethod(args, method) {
          method.apply(this, cleanArguments(args) as Parameters<typeof method>);
        },
      },
      mixin: traceIds,
    },
    destination ?? pino.destination({ dest: 1, sync: false }),
  );
  // pino writes the bindings of a child unformatted; children inherit this from their parent.
  const child = log.child;
  log.child = function <This extends Logger>(this: This, bindings: Bindings, options?: object) {
    return child.call(this, cleanFields(bindings), options);
  } as Logger['child'];
  const setBindings = log.setBindings;
  log.setBindings = function (this: Logger, bindings) {
    setBindings.call(this, cleanFields(bindings));
  };
  Object.defineProperty(log, OF, { value: { app, level, levels } });
  const unknown = unknownParts(levels);
  if (unknown !== undefined) logSharedEvent(log, 'log_part_unknown', { why: unknown });
  return log;
}

/** The logger of one part of a service, with the level that LOG_LEVELS gives it. Its lines name the part. */
export function partOf(log: Logger, part: PartName): Logger {
  const known = (log as Leveled)[OF];
  if (known === undefined) return log;
  const own = levelOfPart(known.levels, known.app, part, log.level as Level);
  return log.child({ part }, { level: own });
}

/** A level that does not exist must not keep a service from starting. */
function knownLevel(level: string | undefined): Level {
  return levelOf(level ?? '') ?? 'info';
}

function traceIds(): { traceId?: string; spanId?: string } {
  const context = trace.getActiveSpan()?.spanContext();
  return context && isSpanContextValid(context) ? { traceId: context.traceId, spanId: context.spanId } : {};
}

function isError(value: unknown): value is Error {
  return value instanceof Error || types.isNativeError(value);
}

function cleanFields(fields: Record<string, unknown>): Record<string, unknown> {
  const clean = truncateForLog(fields);
  if (typeof clean !== 'object' || clean === null) return { fields: clean };
  const record = clean as Record<string, unknown>;
  for (const key of quietly(() => Object.keys(fields)) ?? []) {
    const value = quietly(() => fields[key]);
    if (isError(value) && !isSecretKey(key)) record[key] = errorRecord(value);
  }
  return record;
}

/** `(fields?, message?, ...values)` as `(fields, finished message)`, so that no part escapes the masks. */
function cleanArguments(args: readonly unknown[]): unknown[] {
  const [first, ...rest] = args;
  if (typeof first === 'string') return [redactAndCut(args.length === 1 ? first : formatted(first, rest))];
  const given = isError(first) ? { err: first } : first;
  const fields = typeof given === 'object' && given !== null ? cleanFields(given as Record<string, unknown>) : given;
  if (rest[0] !== undefined) {
    const [message, ...values] = rest;
    return [fields, redactAndCut(values.length === 0 ? textOf(message) : formatted(message, values))];
  }
  // An error without a message of its own: its text is the message.
  const err = typeof fields === 'object' && fields !== null ? (fields as Record<string, unknown>)['err'] : undefined;
  const text = typeof err === 'object' && err !== null ? (err as { message?: unknown }).message : undefined;
  return typeof text === 'string' ? [fields, text] : [fields];
}

/** Cause and stack are for the logs; they pass the same masks as everything else. */
function errorRecord(error: unknown, depth = 0): unknown {
  if (!isError(error)) return truncateForLog(error);
  if (depth >= MAX_CAUSES) return '[too deep]';
  // A library may have put anything in place of what an error usually holds.
  const { name, message, stack, code, cause, errors } = Object.fromEntries(
    ['name', 'message', 'stack', 'code', 'cause', 'errors'].map((key) => [
      key,
      quietly(() => (error as unknown as Record<string, unknown>)[key]),
    ]),
  );
  const inner = Array.isArray(errors) ? (errors.slice(0, MAX_CAUSES) as unknown[]) : [];
  return {
    name: redactAndCut(textOf(name)),
    ...(typeof code === 'string' ? { code: redactAndCut(code) } : typeof code === 'number' ? { code } : {}),
    message: redactAndCut(textOf(message)),
    stack: redactAndCut(textOf(stack ?? ''), MAX_STACK),
    ...(inner.length === 0 ? {} : { errors: inner.map((each) => errorRecord(each, depth + 1)) }),
    ...(cause === undefined ? {} : { cause: errorRecord(cause, depth + 1) }),
  };
}

function formatted(template: unknown, values: readonly unknown[]): string {
  return quietly(() => format(template, ...values)) ?? textOf(template);
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : (quietly(() => String(value)) ?? '[unreadable]');
}

/** The result of `read`, or undefined if a getter, a proxy or a conversion throws: logging must not break work. */
function quietly<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
