import { z } from 'zod';
import { AppError } from './errors.ts';

export const APPS = ['gateway', 'orchestrator', 'mcp-tool', 'a2a', 'audit', 'xmpp-bridge'] as const;
export type AppName = (typeof APPS)[number];

/**
 * A question with one answer on the bus: NATS request/reply, plain JSON, queue group = `answeredBy`.
 * The one constant is the subject, the types of both ends, both validators and the documentation.
 */
export interface RequestContract<I extends z.ZodType = z.ZodType, O extends z.ZodType = z.ZodType> {
  readonly kind: 'request';
  readonly subject: string;
  readonly summary: string;
  readonly answeredBy: AppName | 'computer-use';
  readonly askedBy: readonly (AppName | 'operator')[];
  readonly input: I;
  readonly output: O;
  /** Longest wait for the answer where the caller gives no deadline of its own. */
  readonly timeoutMs: number;
}

export function request<I extends z.ZodType, O extends z.ZodType>(
  contract: Omit<RequestContract<I, O>, 'kind'>,
): RequestContract<I, O> {
  return Object.freeze({ kind: 'request' as const, ...contract });
}

/** What a caller passes and a handler gets. */
export type InputOf<C extends RequestContract> = z.output<C['input']>;
/** What a caller may write: fields with a default may be left out. */
export type RequestOf<C extends RequestContract> = z.input<C['input']>;
export type OutputOf<C extends RequestContract> = z.output<C['output']>;

/** Declares one fact. `type` is the CloudEvents type and the last three tokens of the subject. */
export interface EventContract<T extends string = string, D extends z.ZodType = z.ZodType> {
  readonly kind: 'event';
  readonly type: T;
  readonly summary: string;
  readonly data: D;
}

export function event<T extends string, D extends z.ZodType>(type: T, summary: string, data: D): EventContract<T, D> {
  return Object.freeze({ kind: 'event' as const, type, summary, data });
}

/** Parses `value` or throws `invalid_input` naming each wrong place; never echoes the value itself. */
export function parseOrThrow<S extends z.ZodType>(schema: S, value: unknown, what: string): z.output<S> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new AppError('invalid_input', `${what} is not valid: ${issueLines(parsed.error)[0] ?? 'wrong shape'}`, {
    details: issueLines(parsed.error),
  });
}

/** The issues of a zod error as short lines "path: what is wrong". */
export function issueLines(error: z.ZodError): string[] {
  return error.issues.slice(0, 20).map((issue) => `${issue.path.join('.') || '(top level)'}: ${issue.message}`);
}
