import type { PlannedAct, RunFactDraft } from '@switchyard/contracts';
import type { StepOutcome } from '@switchyard/run';
import type { Guardrail } from './guardrail.ts';

/*
 * What a guardrail withholds of what workers say: results of tools and agents, and what they tell on the way. Pure.
 *
 * - No fact holds a text with a keyword: what is withheld here reaches neither the journal, nor the model, nor a
 *   stream.
 * - Every text is checked by itself, names of fields included. If one text of a result is refused, none of the result
 *   is kept.
 * - What is known of the effect stays: a call that was performed is reported as performed, a call in doubt stays in
 *   doubt.
 */

const CODE = 'guardrail_blocked';
const WORD = '[withheld by a guardrail]';
const RESULT =
  'The call was performed, and its result was withheld by a guardrail. A repeat would be withheld as well.';
const ERROR = 'What was said about it was withheld by a guardrail.';

/** What may be shown of an outcome, and the rule for which the rest is withheld; null: all of it may. */
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

/** The fact that tells of it. */
export function withheldFact({ step_id, target }: PlannedAct, rule: string): RunFactDraft {
  const message = 'The result of a step was withheld by a guardrail.';
  const where = target === 'mcp' ? 'tool_result' : 'agent_result';
  return { type: 'orchestrator.guardrail.violated', data: { where, rule, message, step_id } };
}

/** What may be shown of a fact that a worker reports. */
export function checkedFact(fact: RunFactDraft, guardrail: Guardrail): { fact: RunFactDraft; rule: string | null } {
  const rule = ruleOf(fact.data, guardrail);
  return { fact: rule === null ? fact : withoutResult(fact, guardrail), rule };
}

/** What the model of a worker is given of a result: the text, or in its place what became of it. */
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

/** The rule that some text of the value violates, names of fields included; null: none does. */
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
