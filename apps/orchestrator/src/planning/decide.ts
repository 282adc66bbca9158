import type { Decision, RunFactDraft, Usage } from '@switchyard/contracts';
import { type RunState, stepsToPlan, summaryOf } from '@switchyard/run';
import { type ApprovalRules, type ModelAnswer, toActs, type Toolbox } from '../planner/index.ts';
import type { Guardrail } from './guardrail.ts';

/*
 * Turns a model's answer into facts of the journal. Pure.
 * No fact holds a text that a guardrail refuses, whether the text is an answer, a remark or an argument.
 */

interface Answered {
  readonly stepNumber: number;
  readonly answer: ModelAnswer;
  readonly messageId: string;
  readonly durationMs: number;
  readonly rules: ApprovalRules;
  /** No function was offered: any call in the answer is ignored. */
  readonly final?: boolean;
}

/** The facts of one answered planning, together with the announcements that follow from it. */
export function planningFacts(
  state: RunState,
  toolbox: Toolbox,
  guardrail: Guardrail,
  answered: Answered,
): RunFactDraft[] {
  const { answer, messageId } = answered;
  const written = [answer.text, ...answer.calls.map((call) => `${call.name} ${call.arguments}`)].join('\n');
  const rule = guardrail.check(written);
  if (rule !== null) {
    const message = 'The answer of the model was withheld by a guardrail.';
    return [
      completed(answered, { kind: 'fail', code: 'guardrail_blocked', message }, ''),
      { type: 'orchestrator.guardrail.violated', data: { where: 'output', rule, message } },
    ];
  }
  if (answer.calls.length > 0 && !answered.final) {
    const { order, acts } = toActs(answer.calls, toolbox, {
      plannedBefore: state.steps.length,
      stepsLeft: stepsToPlan(state),
      rules: answered.rules,
    });
    const remark: RunFactDraft[] = answer.text === '' ? [] : [message(messageId, answer.text, false)];
    return [completed(answered, { kind: 'act', order, acts }, answer.text), ...remark];
  }
  if (answer.text.trim() === '' && answered.final) {
    const message = 'The limit was reached before the task was done.';
    return [completed(answered, { kind: 'fail', code: 'budget_exceeded', message }, '')];
  }
  if (answer.text.trim() === '') {
    return [completed(answered, { kind: 'fail', ...NO_ANSWER[answer.finishReason ?? 'stop'] }, '')];
  }
  return [
    completed(answered, { kind: 'answer', text: answer.text }, answer.text),
    message(messageId, answer.text, true),
  ];
}

/** The failure for an answer without content. */
const NO_ANSWER = {
  stop: { code: 'model_invalid_answer', message: 'The language model gave an empty answer twice.' },
  length: {
    code: 'model_invalid_answer',
    message: 'The language model reached its limit of length before it wrote an answer.',
  },
  content_filter: { code: 'model_filtered', message: 'The content filter of the model server withheld the answer.' },
} as const;

/** The fact of a planning that failed without an answer. */
export function failedPlanning(
  stepNumber: number,
  model: string,
  code: string,
  text: string,
  durationMs: number,
  usage: Usage = { input_tokens: 0, output_tokens: 0 },
  retryAfterMs?: number,
): RunFactDraft {
  const pause = retryAfterMs === undefined ? {} : { retry_after_ms: retryAfterMs };
  return completed(
    {
      stepNumber,
      durationMs,
      answer: { text: '', calls: [], model, usage },
    },
    { kind: 'fail', code, message: text.slice(0, 4_000), ...pause },
    '',
  );
}

function completed(
  answered: Pick<Answered, 'stepNumber' | 'durationMs' | 'answer'>,
  decision: Decision,
  text: string,
): RunFactDraft {
  return {
    type: 'orchestrator.planning.completed',
    data: {
      step_number: answered.stepNumber,
      ...summaryOf(decision),
      decision,
      text,
      model: answered.answer.model,
      usage: answered.answer.usage,
      duration_ms: answered.durationMs,
      ...(answered.answer.finishReason === undefined ? {} : { finish_reason: answered.answer.finishReason }),
    },
  };
}

function message(messageId: string, text: string, final: boolean): RunFactDraft {
  return { type: 'orchestrator.message.completed', data: { message_id: messageId, role: 'assistant', text, final } };
}
