import { AppError } from '@switchyard/contracts';

/*
 * What a database error means to a caller:
 *   again        the server undid the statement because of another one; the same statement may simply be sent again
 *   unavailable  the server is away, overloaded or too slow; whether a write was committed is not known
 *   input        a text that PostgreSQL cannot store (U+0000 outside of JSON)
 *   broken       everything else: a promise of ours is broken
 */
type Trouble = 'again' | 'unavailable' | 'input' | 'broken';

const AGAIN = new Set(['40001', '40P01']);
const UNSTORABLE_TEXT = new Set(['22021', '22P05']);
/** Classes of SQLSTATE: connection, authorisation, no resources, ended by an operator or a limit, system error. */
const UNAVAILABLE_CLASSES = new Set(['08', '28', '53', '57', '58']);
/** The database does not exist (yet), or is read-only after a switch-over. */
const UNAVAILABLE_STATES = new Set(['3D000', '25006']);
const SQLSTATE = /^[0-9A-Z]{5}$/;
/** States with which the server ends the connection. Whether a commit under way happened is then unknown. */
const CONNECTION_ENDS = /^(08|57P)/;
const SYSTEM_ERROR = /^E[A-Z]{3,}$/;
/** Prisma's codes for a server that cannot be reached or a pool that has no connection. */
const PRISMA_UNAVAILABLE = /^P(10\d\d|2024)$/;
/** The same conditions as Prisma's adapter names them. */
const ADAPTER_UNAVAILABLE = new Set([
  'DatabaseNotReachable',
  'DatabaseDoesNotExist',
  'DatabaseAccessDenied',
  'AuthenticationFailed',
  'ConnectionClosed',
  'SocketTimeout',
  'TlsConnectionError',
  'TooManyConnections',
]);
/** Messages of `pg` and its pool that carry no code. */
const LOST_CONNECTION = /connection|timeout|not queryable|after calling end|client was closed/i;

/** Classifies a thrown value of `pg` or of Prisma. */
export function troubleOf(error: unknown): Trouble {
  const { code, kind, message, cause, name } = fieldsOf(error);
  if (code !== undefined) {
    if (AGAIN.has(code)) return 'again';
    if (UNSTORABLE_TEXT.has(code)) return 'input';
    if (UNAVAILABLE_STATES.has(code)) return 'unavailable';
    if (SYSTEM_ERROR.test(code) || PRISMA_UNAVAILABLE.test(code)) return 'unavailable';
    if (SQLSTATE.test(code) && UNAVAILABLE_CLASSES.has(code.slice(0, 2))) return 'unavailable';
  }
  if (kind !== undefined && ADAPTER_UNAVAILABLE.has(kind)) return 'unavailable';
  if (cause !== undefined) return troubleOf(cause);
  const saidByDriver = code === undefined && (name === 'Error' || name === undefined);
  return saidByDriver && LOST_CONNECTION.test(message ?? '') ? 'unavailable' : 'broken';
}

/**
 * True if the server itself reported the error of a statement, on a connection that stays open: nothing of the
 * statement was committed.
 */
export function isUndone(error: unknown): boolean {
  const { code } = fieldsOf(error instanceof AppError ? error.cause : error);
  return code !== undefined && SQLSTATE.test(code) && !CONNECTION_ENDS.test(code) && !SYSTEM_ERROR.test(code);
}

/** The error that callers get; its cause is only for the logs. */
export function toAppError(error: unknown): unknown {
  if (error instanceof AppError) return error;
  const trouble = troubleOf(error);
  if (trouble === 'again' || trouble === 'unavailable') {
    return new AppError('unavailable', 'The database does not answer at the moment.', { cause: error });
  }
  if (trouble === 'input') {
    return new AppError('invalid_input', 'A text holds a character that cannot be stored.', { cause: error });
  }
  return new AppError('internal', undefined, { cause: error });
}

interface ErrorFields {
  code?: string;
  kind?: string;
  message?: string;
  name?: string;
  cause?: unknown;
}

function fieldsOf(error: unknown): ErrorFields {
  if (typeof error !== 'object' || error === null) return {};
  // Prisma's adapter keeps PostgreSQL's own code beside its own.
  const { code, originalCode, kind, message, originalMessage, name, cause, meta } = error as Record<string, unknown>;
  const driverError = (meta as { driverAdapterError?: unknown } | undefined)?.driverAdapterError;
  const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
  return {
    code: text(originalCode) ?? text(code),
    kind: text(kind),
    message: text(message) ?? text(originalMessage),
    name: text(name),
    cause: driverError ?? cause,
  };
}
