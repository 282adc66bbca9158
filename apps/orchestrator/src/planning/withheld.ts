import type { PlannedAct, RunFactDraft } from '@switchyard/contracts';
import type { StepOutcome } from '@switchyard/run';
import type { Guardrail } from './guardrail.ts';

/*
 * Withholds what a guardrail refuses in results and progress of tools and agents. Pure.
 *
 * - No fact holds a text with a keyword: withheld text reaches neither the journal, nor the model, nor a stream.
 * - Every text is checked by itself, names of fields included. If one text of a result is refused, none of the result
 *   is kept.
 * - The outcome of the effect is kept: a performed call is reported as performed, a call in doubt stays in doubt.
 */

const CODE = 'guardrail_blocked';
const WORD = '[withheld by a guardrail]';
const RESULT =
  'The call was performed, and its result was withheld by a guardrail. A repeat would be withheld as well.';
const ERROR = 'What was said about it was withheld by a guardrail.';

/** The part of an outcome that may be shown, and the rule that withholds the rest; null: all of it may be shown. */
export function checkedOutcome(
  outcome: StepOutcome,
  guardrail: Guardrail,
): { outcome: StepOutcome; rule: string | null } {
  const rule = ruleOf(outcome.status === 'succeeded' ? outcome.output : outcome.message, guardrail);
  if (rule === null) return { outcome, rule };
  if (outcome.status !== 'succeeded') return { outcome: { ...outcome, message: ERROR }, rule };
  const { output: _withheld, ...rest } = outcome;
  return { outcome: { ...rest, status: 'failed', code: CODE, message: RESULT }, rule };
}

/** The fact that something was withheld. */
export function withheldFact({ step_id, target }: PlannedAct, rule: string): RunFactDraft {
  const message = 'The result of a step was withheld by a guardrail.';
  const where = target === 'mcp' ? 'tool_result' : 'agent_result';
  return { type: 'orchestrator.guardrail.violated', data: { where, rule, message, step_id } };
}

/** The part of a worker's fact that may be shown. */
export function checkedFact(fact: RunFactDraft, guardrail: Guardrail): { fact: RunFactDraft; rule: string | null } {
  const rule = ruleOf(fact.data, guardrail);
  return { fact: rule === null ? fact : withoutResult(fact, guardrail), rule };
}

/** The result as the worker's model sees it: the text, or a note of the outcome in its place. */
export function checkedResult(text: string, guardrail: Guardrail): string {
  const unescaped = text.replace(/\\[nrt]/g, ' '); // a result may be JSON
  return guardrail.check(text) === null && guardrail.check(unescaped) === null ? text : RESULT;
}

function withoutResult(fact: RunFactDraft, guardrail: Guardrail): RunFactDraft {
  const data: Readonly<Record<string, unknown>> = fact.data;
  if (fact.type === 'a2a.delegation.completed') {
    const { step_id, agent } = fact.data;
    return { type: 'a2a.delegation.failed', data: { step_id, agent, error: RESULT, error_code: CODE } };
  }
  if ('result' in data && ruleOf(data['result'], guardrail) !== null) {
    const failure = 'error' in data ? { error: RESULT, error_code: CODE } : {};
    const rest = withoutRefused({ ...data, result: null, ...failure }, guardrail);
    return { ...fact, data: { ...(rest as object), success: false } } as RunFactDraft;
  }
  return { ...fact, data: withoutRefused(data, guardrail) } as RunFactDraft;
}

/** The rule that some text of the value violates, names of fields included; null: none. */
function ruleOf(value: unknown, guardrail: Guardrail): string | null {
  if (!guardrail.active) return null;
  const open: unknown[] = [value];
  while (open.length > 0) {
    const one = open.pop();
    if (typeof one === 'object' && one !== null) {
      if (!Array.isArray(one)) open.push(...Object.keys(one));
      for (const inner of Object.values(one)) open.push(inner);
    } else if (one !== null && one !== undefined) {
      const rule = guardrail.check(String(one as string | number | boolean));
      if (rule !== null) return rule;
    }
  }
  return null;
}

function withoutRefused(value: unknown, guardrail: Guardrail): unknown {
  if (Array.isArray(value)) return value.map((item) => withoutRefused(item, guardrail));
  if (typeof value === 'object' && value !== null) {
    const kept = Object.entries(value).filter(([key]) => guardrail.check(key) === null);
    return Object.fromEntries(kept.map(([key, inner]) => [key, withoutRefused(inner, guardrail)]));
  }
  if (value === null || value === undefined) return value;
  return guardrail.check(String(value as string | number | boolean)) === null ? value : WORD;
}
