import type { DoctorCheck } from '@switchyard/contracts';
import { hasOwnModel } from './environment.ts';
import { readStatus } from './records.ts';
import type { VerbContext } from './verb.ts';

/** Whether the model endpoint lets this key in, streams, and calls tools: one question of a few tokens. */

type Finding = Pick<DoctorCheck, 'status' | 'sentence'>;
const LIMIT_MS = 30_000;
const MAX_ANSWER = 262_144;

export async function modelChecks({
  place,
  environment,
}: VerbContext): Promise<{ reached: Finding; answered: Finding }> {
  const ownKey = hasOwnModel(environment) ? environment['OPENAI_API_KEY'] : undefined;
  const development = readStatus(place).processes.find(({ name }) => name === 'dev-model');
  if (ownKey === undefined && !development) {
    const sentence = 'OPENAI_API_KEY is not set, and the development model does not run.';
    return { reached: { status: 'skipped', sentence }, answered: { status: 'skipped', sentence } };
  }
  const base =
    ownKey === undefined ? `${development!.url}/v1` : environment['OPENAI_BASE_URL'] || 'https://api.openai.com/v1';
  const model = environment['OPENAI_MODEL'] || 'gpt-4.1-mini';
  const response = await ask(base.replace(/\/$/, ''), ownKey ?? 'dev', model);
  const unknown: Finding = { status: 'skipped', sentence: 'Not reached: the endpoint did not answer as it should.' };
  if (typeof response === 'string')
    return { reached: { status: 'fail', sentence: `${base} does not answer: ${response}.` }, answered: unknown };
  const { status, text } = response;
  if (status === 401 || status === 403)
    return { reached: { status: 'fail', sentence: `${base} refuses the key (${status}).` }, answered: unknown };
  if (status !== 200)
    return {
      reached: { status: 'fail', sentence: `${base} answers ${status} for the model ${model}.` },
      answered: unknown,
    };
  return {
    reached: { status: 'ok', sentence: `${base} takes the key and knows ${model}.` },
    answered: judgeAnswer(text),
  };
}

/** Pure. */
export function judgeAnswer(text: string): Finding {
  if (!/^data: /m.test(text))
    return { status: 'fail', sentence: 'The endpoint does not stream (no server-sent events).' };
  if (!/^data: \[DONE\]/m.test(text))
    return { status: 'warn', sentence: 'The stream of the endpoint has no end ([DONE]).' };
  if (!text.includes('"tool_calls"'))
    return { status: 'warn', sentence: 'The model streams, but called no tool when it was asked to.' };
  return { status: 'ok', sentence: 'The model streams and calls tools.' };
}

async function ask(base: string, key: string, model: string): Promise<{ status: number; text: string } | string> {
  const ping = { name: 'ping', description: 'Answers.', parameters: { type: 'object', properties: {} } };
  try {
    const response = await fetch(`${base}/chat/completions`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json' },
      body: JSON.stringify({
        model,
        stream: true,
        max_completion_tokens: 64,
        messages: [{ role: 'user', content: 'Call the tool ping.' }],
        tools: [{ type: 'function', function: ping }],
        tool_choice: { type: 'function', function: { name: 'ping' } },
      }),
      signal: AbortSignal.timeout(LIMIT_MS),
    });
    return { status: response.status, text: (await response.text()).slice(0, MAX_ANSWER) };
  } catch (error) {
    const cause = error instanceof Error ? (error.cause instanceof Error ? error.cause : error) : undefined;
    return cause?.message ?? 'no answer';
  }
}
