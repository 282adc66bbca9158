import {
  AppError,
  ERROR_CODES,
  fitEvent,
  fromCloudEvent,
  isErrorCode,
  MAX_EVENT_DATA_BYTES,
  type PublicError,
  fromSystemCloudEvent,
  type RunEvent,
  SYSTEM_PRODUCERS,
  subjects,
  type SystemEvent,
  toCloudEvent,
  toPublicError,
} from '@switchyard/contracts';

/*
 * How requests look on the wire. Pure.
 *
 * Body: plain JSON. Headers of a request: traceparent, tracestate and baggage (messaging-spans.ts), deadline (ms since
 * 1970), idempotency-key, caller (who asks, signed: caller-signature.ts), progress ("1": the caller understands frames).
 * A frame: header frame=progress, body empty or JSON. A refusal: header error-code, body a PublicError. Anything else is
 * the answer.
 */

export const HEADER = {
  deadline: 'deadline',
  idempotencyKey: 'idempotency-key',
  caller: 'caller',
  traceparent: 'traceparent',
  tracestate: 'tracestate',
  baggage: 'baggage',
  progress: 'progress',
  frame: 'frame',
  errorCode: 'error-code',
} as const;

/** A busy worker sends a frame at least this often. */
export const FRAME_INTERVAL_MS = 2_000;
/** Three missed frames: the worker is lost. */
export const LOST_AFTER_MS = 3 * FRAME_INTERVAL_MS;
/** Room for headers and protocol below the server's limit of 1 MiB. */
const MAX_BODY_BYTES = 900_000;

/** Other versions may have sent more than we send; a server with a larger limit does not raise ours. */
const LARGEST_READ_BYTES = 1_048_576;
/** Texts of a refusal are cut here, so that any error can be sent. */
const MAX_REFUSAL_TEXT = 4_000;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

/** The subject of one process, for a contract that addresses one; tokens are letters and digits. */
export function addressed(subject: string, name: string | undefined): string {
  if (!subject.endsWith('.*')) return subject;
  if (name === undefined || !/^[A-Za-z0-9]{1,32}$/.test(name))
    throw new AppError('invalid_input', `${subject} needs the name of the process that is asked.`);
  return `${subject.slice(0, -1)}${name}`;
}

export function encode(value: unknown): Uint8Array {
  const body = encoder.encode(JSON.stringify(value ?? null));
  if (body.byteLength > MAX_BODY_BYTES) {
    throw new AppError(
      'payload_too_large',
      `A message may have ${MAX_BODY_BYTES} bytes; this one has ${body.byteLength}.`,
    );
  }
  return body;
}

/** The document of a run's fact, cut if it is too large for a message; the journal has it in full. */
export function encodeEvent(event: RunEvent): Uint8Array {
  const body = encoder.encode(JSON.stringify(toCloudEvent(event)));
  return body.byteLength <= MAX_EVENT_DATA_BYTES ? body : encode(toCloudEvent(fitEvent(event)));
}

/** The JSON value of a body; an empty body is `{}`. Throws `invalid_input` for anything else. */
export function decode(body: Uint8Array): unknown {
  if (body.byteLength === 0) return {};
  if (body.byteLength > LARGEST_READ_BYTES) throw new AppError('payload_too_large');
  try {
    return JSON.parse(decoder.decode(body)) as unknown;
  } catch (error) {
    throw new AppError('invalid_input', 'The message is not valid JSON in UTF-8.', { cause: error });
  }
}

/** Headers and body of a refusal. Never throws: its texts are cut to what a message may have. */
export function encodeRefusal(error: unknown): { headers: Record<string, string>; body: Uint8Array } {
  const { details, ...refusal } = toPublicError(error);
  const body = encode({
    ...refusal,
    message: refusal.message.slice(0, MAX_REFUSAL_TEXT),
    ...(details ? { details: details.map((line) => line.slice(0, MAX_REFUSAL_TEXT)) } : {}),
  });
  return { headers: { [HEADER.errorCode]: refusal.code }, body };
}

/** The error in a refusal of the other side. */
export function decodeRefusal(code: string, body: Uint8Array): AppError {
  const known = isErrorCode(code) ? code : 'internal';
  try {
    const { message, retryAfterMs, details, runId } = decode(body) as Partial<PublicError>;
    return new AppError(known, typeof message === 'string' ? message : ERROR_CODES[known].summary, {
      ...(typeof retryAfterMs === 'number' ? { retryAfterMs } : {}),
      ...(Array.isArray(details) ? { details: details.filter((line) => typeof line === 'string') } : {}),
      ...(typeof runId === 'string' ? { runId } : {}),
    });
  } catch {
    return new AppError(known);
  }
}

/**
 * The run's fact in a document that came on `subject`; undefined if there is none, or if it does not match the subject:
 * a publisher may say no more than its subject allows.
 */
export function runEventOn(subject: string, document: unknown): RunEvent | undefined {
  const event = fromCloudEvent(document);
  return event && subjects.runEvent(event.tenantId, event.runId, event.type) === subject ? event : undefined;
}

/** The system fact in a document; undefined if there is none, or if its producer may not publish it. */
export function systemEventOn(subject: string, document: unknown): SystemEvent | undefined {
  const event = fromSystemCloudEvent(document);
  if (!event || subjects.system(event.type) !== subject) return undefined;
  const producers: Readonly<Record<string, string>> = SYSTEM_PRODUCERS;
  return producers[event.type.split('.')[0] ?? ''] === event.app ? event : undefined;
}

/** Parses the JSON of a message with `parse`; undefined if it is invalid. */
export function readMessage<T>(
  { subject, body }: { readonly subject: string; readonly body: Uint8Array },
  parse: (subject: string, document: unknown) => T | undefined,
): T | undefined {
  try {
    return parse(subject, decode(body));
  } catch {
    return undefined;
  }
}
