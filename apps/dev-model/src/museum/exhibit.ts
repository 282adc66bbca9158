/*
 * One habit of a model server: what it sends, and what has to follow in a run. A row holds the bytes as they go over
 * the wire, so that a person can compare it with a recording.
 */

/** `pause`: silence in ms. `repeat`: so many times, with a pause after each. `reset`: the connection breaks. */
export type Part =
  | string
  | { readonly pause: number }
  | { readonly repeat: string; readonly times: number; readonly pause: number }
  | 'RESET';

/** The answer to one request. */
export interface Sent {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: readonly Part[];
  /** The connection stays open after the body. */
  readonly staysOpen?: boolean;
  /** Only a request that has this field gets this answer. */
  readonly onlyWith?: string;
  /** A request whose messages lack this text gets the other answer. */
  readonly wants?: { readonly text: string; readonly otherwise: Sent };
  /** How many bytes leave at a time; absent: all of them together. */
  readonly pieceBytes?: number;
  readonly gzip?: boolean;
}

export interface Outcome {
  readonly status: 'success' | 'partial' | 'failed';
  readonly answer?: string;
  readonly finish?: 'length' | 'content_filter';
  /** The calls that were performed, as `name {"arguments":"as JSON"}`. */
  readonly steps?: readonly string[];
  /** `reported`: what the server says; `estimated`: what we think; `none`: nothing was used. */
  readonly usage: 'reported' | 'estimated' | 'none';
  /** The code of a run that failed. */
  readonly code?: string;
  /** A part of the error message for people. */
  readonly says?: string;
  /** How many requests the server receives. */
  readonly requests?: number;
  /** How often the run tells people that the server asks for a pause. */
  readonly waits?: number;
  readonly retryAfterMs?: number;
  readonly withinMs: number;
}

export interface Exhibit {
  readonly name: string;
  /** Where the habit was seen: the server, and an issue or a page. */
  readonly source: string;
  /** One after another, for the requests of one conversation; the last stays. */
  readonly sent: readonly Sent[];
  readonly outcome: Outcome;
}

export const LIMIT_MS = 12_000;

const USAGE = { prompt_tokens: 100, completion_tokens: 20, total_tokens: 120 };
export const DONE = 'data: [DONE]\n\n';

export const data = (value: unknown): string => `data: ${JSON.stringify(value)}\n\n`;

/** A chunk of a streamed answer. */
export function chunk(delta: unknown, finish: unknown = null, more: object = {}): string {
  const head = { id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1_700_000_000, model: 'museum' };
  return data({ ...head, choices: [{ index: 0, delta, finish_reason: finish }], ...more });
}

export const say = (content: unknown): string => chunk({ content });
export const usage = (value: unknown = USAGE): string =>
  data({ id: 'chatcmpl-1', object: 'chat.completion.chunk', model: 'museum', choices: [], usage: value });
/** The end of an answer as OpenAI writes it. */
export const end = (reason: unknown = 'stop'): string => chunk({}, reason) + usage() + DONE;
/** One piece of a call. */
export const call = (piece: object): string => chunk({ tool_calls: [piece] });
export const fn = (name: string | undefined, args: unknown) => ({
  type: 'function',
  function: { ...(name === undefined ? {} : { name }), arguments: args },
});

const ok = (...body: readonly Part[]): Sent => ({ body });
const SAID = ok(say('All done.'), end());

/** The answer of a server that does not stream. */
export function whole(message: object, finish: unknown = 'stop', more: object = {}): string {
  const choices = [{ index: 0, message: { role: 'assistant', ...message }, finish_reason: finish }];
  return JSON.stringify({
    id: 'chatcmpl-1',
    object: 'chat.completion',
    model: 'museum',
    choices,
    usage: USAGE,
    ...more,
  });
}

type More = Partial<Outcome> & Omit<Partial<Sent>, 'body' | 'status'>;

function split(more: More): { sent: Omit<Partial<Sent>, 'body' | 'status'>; outcome: Partial<Outcome> } {
  const { headers, staysOpen, onlyWith, pieceBytes, gzip, ...outcome } = more;
  const given = Object.entries({ headers, staysOpen, onlyWith, pieceBytes, gzip }).filter(
    ([, value]) => value !== undefined,
  );
  return { sent: Object.fromEntries(given), outcome };
}

/** The server answers; the run ends with this text. */
export function speaks(name: string, source: string, body: readonly Part[], answer: string, more: More = {}): Exhibit {
  const { sent, outcome } = split(more);
  return {
    name,
    source,
    sent: [{ ...sent, body }],
    outcome: { status: 'success', answer, usage: 'reported', requests: 1, withinMs: LIMIT_MS, ...outcome },
  };
}

/** The server calls functions; these steps are performed, and then it answers. */
export function calls(
  name: string,
  source: string,
  body: readonly Part[],
  steps: readonly string[],
  more: More = {},
): Exhibit {
  const { sent, outcome } = split(more);
  const rest = { status: 'success', answer: 'All done.', usage: 'reported', requests: 2, withinMs: LIMIT_MS } as const;
  return { name, source, sent: [{ ...sent, body }, SAID], outcome: { ...rest, steps, ...outcome } };
}

/** The server always refuses; the run fails with this code. */
export function refuses(
  name: string,
  source: string,
  status: number,
  body: string,
  code: string,
  more: More = {},
): Exhibit {
  const { sent, outcome } = split(more);
  const rest = { status: 'failed', usage: 'none', requests: 1, withinMs: LIMIT_MS } as const;
  return { name, source, sent: [{ ...sent, status, body: [body] }], outcome: { ...rest, code, ...outcome } };
}

/** The stream breaks each time; the orchestrator tries once more, and the run fails. */
export function breaks(name: string, source: string, body: readonly Part[], more: More = {}): Exhibit {
  const { sent, outcome } = split(more);
  const rest = { status: 'failed', usage: 'none', requests: 2, withinMs: LIMIT_MS } as const;
  return { name, source, sent: [{ ...sent, body }], outcome: { ...rest, code: 'model_unavailable', ...outcome } };
}

/** The first requests get these answers, the next a good one. */
export function recovers(name: string, source: string, first: readonly Sent[], more: Partial<Outcome> = {}): Exhibit {
  const rest = { status: 'success', answer: 'All done.', usage: 'reported', withinMs: LIMIT_MS } as const;
  return { name, source, sent: [...first, SAID], outcome: { ...rest, requests: first.length + 1, ...more } };
}

export const error = (value: unknown): string => JSON.stringify({ error: value });
