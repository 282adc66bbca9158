import { z } from 'zod';
import type { Conversation } from './conversation.ts';

const Millis = z.number().int().min(0).max(600_000);

/** The content of a scripted answer. The planner fills in what it leaves out. */
export const ScriptedResponse = z.strictObject({
  text: z.string().max(1_000_000).optional(),
  toolCalls: z
    .array(z.strictObject({ name: z.string(), arguments: z.union([z.record(z.string(), z.unknown()), z.string()]) }))
    .max(128)
    .optional(),
  status: z.number().int().min(400).max(599).optional().describe('Answer with this HTTP status and an error body'),
  error: z
    .strictObject({
      message: z.string(),
      type: z.string().optional(),
      code: z.string().nullable().optional(),
      param: z.string().nullable().optional(),
    })
    .optional(),
  headers: z.record(z.string(), z.string()).optional(),
  stallMs: Millis.optional().describe('Say nothing for this long'),
  stallAfterChunks: z.number().int().min(0).optional().describe('Stall after so many streamed chunks; default 0'),
  truncate: z.boolean().optional().describe('Break the connection in the middle of the answer'),
  emptyAnswer: z.boolean().optional().describe('Neither text nor calls'),
  invalidJsonArguments: z.boolean().optional().describe('Cut the JSON text of every call short'),
  finishReason: z.string().optional(),
  usage: z.strictObject({ prompt_tokens: z.number().int(), completion_tokens: z.number().int() }).optional(),
  delayMs: Millis.optional().describe('Pause before each streamed chunk'),
  raw: z.string().max(1_000_000).optional().describe('Send this body as it is'),
});
export type ScriptedResponse = z.infer<typeof ScriptedResponse>;

export const Script = z.strictObject({
  rules: z
    .array(
      z.strictObject({
        when: z
          .strictObject({
            taskIncludes: z.string().optional().describe('Ignoring case'),
            turn: z.number().int().min(1).optional().describe('1 = first answer to the task'),
            model: z.string().optional(),
            lastToolName: z.string().optional(),
          })
          .prefault({}),
        times: z.number().int().min(1).optional().describe('Applies so many times, then never again'),
        respond: ScriptedResponse,
      }),
    )
    .max(1_000),
});
export type Script = z.output<typeof Script>;
export type ScriptInput = z.input<typeof Script>;

/** The first rule that fits a request and is not used up. Counts its uses. */
export class ScriptedAnswers {
  #rules: Script['rules'] = [];
  readonly #used = new Map<number, number>();

  set(script: Script): void {
    this.#rules = script.rules;
    this.#used.clear();
  }

  take(conversation: Conversation, model: string): { index: number; respond: ScriptedResponse } | undefined {
    if (this.#rules.length === 0) return undefined;
    const task = conversation.task.toLowerCase();
    const index = this.#rules.findIndex(
      ({ when, times }, at) =>
        (times === undefined || (this.#used.get(at) ?? 0) < times) &&
        (when.taskIncludes === undefined || task.includes(when.taskIncludes.toLowerCase())) &&
        (when.turn === undefined || when.turn === conversation.turn) &&
        (when.model === undefined || when.model === model) &&
        (when.lastToolName === undefined || when.lastToolName === conversation.lastToolName),
    );
    if (index < 0) return undefined;
    this.#used.set(index, (this.#used.get(index) ?? 0) + 1);
    return { index, respond: this.#rules[index]!.respond };
  }
}
