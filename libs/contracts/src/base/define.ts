import { z } from 'zod';
import { type AgentApp, DEPLOYED_AGENT_APPS, type DeployedAgentApp } from './agent-kinds.ts';
import { AppError } from './errors.ts';
import { safeParse } from './safe-parse.ts';

export type AppName = 'gateway' | 'orchestrator' | DeployedAgentApp | 'audit' | 'xmpp-bridge';
export const APPS: readonly AppName[] = ['gateway', 'orchestrator', ...DEPLOYED_AGENT_APPS, 'audit', 'xmpp-bridge'];

/**
 * A question with one answer on the bus: NATS request/reply, plain JSON, queue group = `answeredBy`.
 * The one constant is the subject, the types of both ends, both validators and the documentation.
 */
export interface RequestContract<I extends z.ZodType = z.ZodType, O extends z.ZodType = z.ZodType> {
  readonly kind: 'request';
  /** Ending in `.*`: asked of one process, whose name takes the place of the star. */
  readonly subject: string;
  readonly summary: string;
  readonly answeredBy: AppName | AgentApp;
  readonly askedBy: readonly (AppName | 'operator')[];
  readonly input: I;
  readonly output: O;
  /** Longest wait for the answer where the caller gives no deadline of its own. */
  readonly timeoutMs: number;
  /**
   * Where nothing was heard for so long, the same question goes out again, and another replica may take it; only for
   * questions that may be answered twice and are answered quickly.
   */
  readonly askAgainMs?: number;
}

/** For questions that are answered in milliseconds: one replica that stands still keeps nobody waiting for long. */
export const ASK_AGAIN_MS = 1_000;

export function request<I extends z.ZodType, O extends z.ZodType>(
  contract: Omit<RequestContract<I, O>, 'kind'>,
): RequestContract<I, O> {
  return Object.freeze({ kind: 'request' as const, ...contract });
}

/** The validated input, as a handler gets it. */
export type InputOf<C extends RequestContract> = z.output<C['input']>;
/** The input of a caller: fields with a default may be left out. */
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

/** Parses `value` or throws `invalid_input` naming each wrong place; echoes no value, of the input only its keys. */
export function parseOrThrow<S extends z.ZodType>(schema: S, value: unknown, what: string): z.output<S> {
  const parsed = safeParse(schema, value);
  if (parsed.success) return parsed.data;
  throw new AppError('invalid_input', `${what} is not valid: ${issueLines(parsed.error)[0] ?? 'wrong shape'}`, {
    details: issueLines(parsed.error),
  });
}

const MAX_ISSUES = 20;
/** A path holds keys of the input, so its length is the sender's choice. */
const MAX_ISSUE_LINE = 300;

/** The issues of a zod error as at most 20 lines "path: what is wrong" of at most 300 characters. */
export function issueLines(error: z.ZodError): string[] {
  return issuesIn(error)
    .slice(0, MAX_ISSUES)
    .map(({ path: keys, message }) => {
      const path = keys.map(String).join('.') || '(top level)';
      const room = Math.max(40, MAX_ISSUE_LINE - message.length - 3);
      const line = `${path.length <= room ? path : `${path.slice(0, room)}…`}: ${message}`;
      return line.length <= MAX_ISSUE_LINE ? line : `${line.slice(0, MAX_ISSUE_LINE - 1)}…`;
    });
}

/** One mistake in a value, in words for its author. The words contain only keys of the value. */
export interface Issue {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

/** The issues of a zod error, each at its innermost place: an unknown key is a place of its own. */
export function issuesIn({ issues }: { readonly issues: readonly z.core.$ZodIssue[] }): Issue[] {
  return issues.flatMap((issue): Issue[] => {
    const { path } = issue;
    switch (issue.code) {
      case 'unrecognized_keys':
        return issue.keys.map((key) => ({ path: [...path, key], message: 'there is no such field' }));
      case 'invalid_key':
        return issuesIn(issue).map(({ message }) => ({ path, message }));
      case 'invalid_union':
        return inUnion(issue);
      default:
        return [{ path, message: inWords(issue.message) }];
    }
  });
}

/** The mistakes of the only branch with that type; if there is no such branch, the expected types. */
function inUnion({ path, errors, message }: z.core.$ZodIssueInvalidUnion): Issue[] {
  const typeOf = ([first]: readonly z.core.$ZodIssue[]) =>
    first?.code === 'invalid_type' && first.path.length === 0 ? first.expected : undefined;
  const [branch, ...others] = errors.filter((issues) => typeOf(issues) === undefined);
  if (branch && others.length === 0)
    return issuesIn({ issues: branch }).map((issue) => ({ ...issue, path: [...path, ...issue.path] }));
  const types = [...new Set(errors.flatMap((issues) => typeOf(issues) ?? []))];
  return [{ path, message: branch || types.length === 0 ? inWords(message) : `expected ${types.join(' or ')}` }];
}

function inWords(message: string): string {
  return message.endsWith(', received undefined') ? 'it is missing' : message.replace(/^Invalid (input|option): /, '');
}
