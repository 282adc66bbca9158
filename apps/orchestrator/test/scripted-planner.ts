import { AppError } from '@switchyard/contracts';
import type { ModelAnswer, ModelRequest, Planner } from '../src/planner/planner.ts';

/** A language model that says what the test wrote. */

export const says = (text: string): ModelAnswer => ({
  text,
  calls: [],
  usage: { input_tokens: 10, output_tokens: 5 },
  model: 'scripted',
});

/** Calls of functions: `call('read_it', {a: 1}), call(...)`. */
export const calls = (...names: (string | [name: string, args: unknown])[]): ModelAnswer => ({
  ...says(''),
  calls: names.map((item, index) => {
    const [name, args] = typeof item === 'string' ? [item, {}] : item;
    return { id: `call_${index + 1}`, name, arguments: JSON.stringify(args) };
  }),
});

export type Script = (turn: number, request: ModelRequest, signal: AbortSignal) => ModelAnswer | Promise<ModelAnswer>;

/** `turn` counts the model's answers to the task, from 1. */
export function planner(script: Script): Planner {
  return {
    ask: async (request, signal) => {
      if (signal.aborted) throw new AppError('cancelled');
      const asked = request.messages.findLastIndex(({ role }) => role === 'user');
      const turn = 1 + request.messages.slice(asked).filter(({ role }) => role === 'assistant').length;
      return script(turn, request, signal);
    },
  };
}

/** Calls these functions, then answers with what came of them. */
export const callsThenTells = (...names: (string | [name: string, args: unknown])[]): Planner =>
  planner((turn, request) => (turn === 1 ? calls(...names) : says(`told: ${results(request).join('; ')}`)));

/** What the model is told of its calls. */
export function results(request: ModelRequest): string[] {
  return request.messages.flatMap((message) => (message.role === 'tool' ? [String(message.content)] : []));
}

/** A model that never answers; it heeds the signal as the real one does. */
export const silent: Script = (_turn, _request, signal) =>
  new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(new AppError('cancelled')), { once: true });
  });
