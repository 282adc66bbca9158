import { AppError, type Finding, found } from '@switchyard/contracts';
import { redactText, truncateText } from '@switchyard/platform';
import type { SafeFetch } from '@switchyard/safe-fetch';

/*
 * Checks 33 and 34: does the model endpoint accept the key, stream, and call tools? The probe sends one request of a
 * few tokens through the same HTTP client as the planner (libs/safe-fetch). The judges are pure.
 */

interface ModelAddress {
  readonly base: string;
  readonly key: string;
  readonly model: string;
}

export type ModelSeen =
  | { readonly status: number; readonly text: string; readonly broke?: string }
  | { readonly code: string; readonly sentence: string; readonly cause: string };

export async function probeModel(at: ModelAddress, fetch: SafeFetch): Promise<ModelSeen> {
  const ping = { name: 'ping', description: 'Answers.', parameters: { type: 'object', properties: {} } };
  const body = {
    model: at.model,
    stream: true,
    max_completion_tokens: 64,
    messages: [{ role: 'user', content: 'Call the tool ping.' }],
    tools: [{ type: 'function', function: ping }],
    tool_choice: { type: 'function', function: { name: 'ping' } },
  };
  try {
    const response = await fetch(`${at.base}/chat/completions`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${at.key}`, 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    });
    let text = '';
    try {
      const decoder = new TextDecoder();
      for await (const bytes of response.body ?? []) text += decoder.decode(bytes as Uint8Array, { stream: true });
      return { status: response.status, text };
    } catch (error) {
      return { status: response.status, text, broke: asSeen(error).sentence };
    }
  } catch (error) {
    return asSeen(error);
  }
}

function asSeen(error: unknown): { code: string; sentence: string; cause: string } {
  const { code, message } = error instanceof AppError ? error : { code: 'internal', message: String(error) };
  return { code, sentence: message, cause: innermost(error) };
}

/** The innermost cause of an error: the sentence of the operating system. */
function innermost(error: unknown): string {
  let last = '';
  for (let depth = 0; depth < 10 && typeof error === 'object' && error !== null; depth += 1) {
    const { code, message, cause, errors } = error as Record<'code' | 'message' | 'cause' | 'errors', unknown>;
    const [said] = [code, message].filter((each) => typeof each === 'string' && each !== '');
    last = typeof said === 'string' ? said : last;
    error = Array.isArray(errors) ? errors[0] : cause;
  }
  return last;
}

/** Check 33 */
export function judgeReached(seen: ModelSeen, { base, key, model }: ModelAddress, limitMs: number): Finding {
  const shown = (text: string): string =>
    truncateText(redactText(key.length < 4 ? text : text.replaceAll(key, '[not shown]')), 500);
  if ('code' in seen) {
    const evidence = [`${seen.code}: ${shown(seen.sentence)}`, `cause: ${shown(seen.cause) || 'none'}`];
    return found.fail(unansweredSentence(seen, base, limitMs), evidence);
  }
  const { status, text } = seen;
  const said = errorIn(text);
  const evidence = [
    `${status} from ${base}/chat/completions`,
    ...(status === 200 ? [] : [shown(said.message || text)]),
  ];
  if (status === 200) return found.ok(`${base} takes the key and knows ${model}.`);
  if (status === 401)
    return found.fail(
      `${base} refuses OPENAI_API_KEY (401): the key is wrong, was revoked, or belongs elsewhere.`,
      evidence,
    );
  if (status === 403)
    return found.fail(
      `${base} knows the key and does not allow it this (403): the project or the region may not use ${model}.`,
      evidence,
    );
  if (status === 404 && isAboutModel(said, model))
    return found.fail(
      `${base} does not know the model ${model} (404): set OPENAI_MODEL to one that it serves to this key.`,
      evidence,
    );
  if (status === 404)
    return found.fail(
      `${base}/chat/completions does not exist (404): OPENAI_BASE_URL ends in /v1 with most servers.`,
      evidence,
    );
  if (status === 429 && /quota|billing|credit/i.test(`${said.code} ${said.message}`))
    return found.fail(`${base}: the account of this key has no credit left (429).`, evidence);
  if (status === 429) return found.fail(`${base} takes no more requests from this key at the moment (429).`, evidence);
  if (status >= 500) return found.fail(`${base} is in trouble itself (${status}): try again later.`, evidence);
  return found.fail(`${base} answers ${status} for the model ${model}.`, evidence);
}

function unansweredSentence(seen: Extract<ModelSeen, { code: string }>, base: string, limitMs: number): string {
  const { code, sentence, cause } = seen;
  if (code === 'egress_blocked') return `${sentence} OPENAI_BASE_URL is ${base}.`;
  if (code === 'upstream_timeout')
    return `${base} did not answer within ${limitMs / 1_000} s: a firewall, a proxy that is needed, or a server that hangs.`;
  if (cause === 'ECONNREFUSED')
    return `${base} refused the connection (ECONNREFUSED): nothing listens there; correct OPENAI_BASE_URL.`;
  if (/ENOTFOUND|EAI_AGAIN/.test(cause)) return `The host of ${base} is not known to DNS: correct OPENAI_BASE_URL.`;
  return `${base} does not answer: ${sentence}`;
}

/** The error of an OpenAI-compatible endpoint, where the answer is one. */
function errorIn(text: string): { message: string; code: string } {
  try {
    const { error } = JSON.parse(text) as { error?: { message?: unknown; code?: unknown } | string };
    if (typeof error === 'string') return { message: error, code: '' };
    return { message: String(error?.message ?? ''), code: String(error?.code ?? '') };
  } catch {
    return { message: '', code: '' };
  }
}

const isAboutModel = ({ message, code }: { message: string; code: string }, model: string): boolean =>
  /model/i.test(code) || message.includes(model) || /\bmodel\b/i.test(message);

/** Check 34 */
export function judgeAnswer(seen: ModelSeen): Finding {
  if ('code' in seen || seen.status !== 200) return found.notReached('check 33 failed.');
  const { text, broke } = seen;
  if (!/^data: /m.test(text)) return found.fail('The endpoint does not stream (no server-sent events).');
  if (broke !== undefined) return found.fail(`The stream of the endpoint broke off: ${broke}`);
  if (!/^data: \[DONE\]/m.test(text)) return found.warn('The stream of the endpoint has no end ([DONE]).');
  if (!text.includes('"tool_calls"')) return found.warn('The model streams, but called no tool when it was asked to.');
  return found.ok('The model streams and calls tools.');
}
