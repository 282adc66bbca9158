import { describe, expect, it } from '@jest/globals';
import { parseFact, type RunFactDraft } from '@switchyard/contracts';
import { fc } from '@switchyard/testing/property';
import { createGuardrail } from './guardrail.ts';
import { checkedFact, checkedOutcome, checkedResult } from './withheld.ts';

const GUARDRAIL = createGuardrail(['top secret', '4711']);
const NONE = createGuardrail([]);

/** Values of JSON, some of which have a keyword in a text, a name or a number. */
const leaf = fc.oneof(
  fc.string(),
  fc.integer(),
  fc.constantFrom('a top\nsecret b', 'ＴＯＰ sec\u200bret', 4711, 'top', 'secret', null, true),
);
const value = fc.letrec((tie) => ({
  any: fc.oneof(
    { maxDepth: 3 },
    leaf,
    fc.array(tie('any'), { maxLength: 4 }),
    fc.dictionary(fc.oneof(fc.string(), fc.constantFrom('top secret', 'x')), tie('any'), { maxKeys: 4 }),
  ),
})).any;

function hasKeyword(any: unknown): boolean {
  if (typeof any === 'object' && any !== null)
    return Object.entries(any).some(([key, inner]) => GUARDRAIL.check(key) !== null || hasKeyword(inner));
  return GUARDRAIL.check(String(any)) !== null;
}

describe('a result that a guardrail refuses', () => {
  it('never leaves a word of it in the outcome, nor in what its worker tells', () => {
    fc.assert(
      fc.property(value, (output) => {
        const checked = checkedOutcome({ status: 'succeeded', output }, GUARDRAIL);
        expect(checked.rule !== null).toBe(hasKeyword(output));
        expect(hasKeyword(checked.outcome)).toBe(false);
        if (checked.rule === null) expect(checked.outcome).toEqual({ status: 'succeeded', output });
        else expect(checked.outcome).toMatchObject({ status: 'failed', code: 'guardrail_blocked' });
        for (const fact of facts(output)) {
          const shown = checkedFact(fact, GUARDRAIL);
          expect(hasKeyword(shown.fact)).toBe(false);
          expect(parseFact(shown.fact)).toBeDefined(); // still a fact of its contract
          if (shown.rule === null) expect(shown.fact).toBe(fact);
        }
      }),
    );
  });

  it('says that the call was performed, and keeps what is in doubt in doubt', () => {
    const failed = { status: 'failed', code: 'tool_failed', message: 'It is top secret.' } as const;
    expect(checkedOutcome(failed, GUARDRAIL).outcome).toMatchObject({ status: 'failed', code: 'tool_failed' });
    const doubt = { status: 'in_doubt', code: 'tool_in_doubt', message: 'top secret' } as const;
    expect(checkedOutcome(doubt, GUARDRAIL).outcome).toMatchObject({ status: 'in_doubt', code: 'tool_in_doubt' });
    const done = { status: 'succeeded', output: 'top secret', usage: { input_tokens: 1, output_tokens: 1 } } as const;
    expect(checkedOutcome(done, GUARDRAIL).outcome).toMatchObject({
      message: expect.stringContaining('was performed'),
      usage: { input_tokens: 1 },
    });
  });

  it('turns the success of an agent into a failure, so that every stream closes what it opened', () => {
    const [, , completed] = facts('top secret');
    expect(checkedFact(completed!, GUARDRAIL).fact).toMatchObject({
      type: 'a2a.delegation.failed',
      data: { agent: 'mock', error_code: 'guardrail_blocked' },
    });
  });

  it('does not reach the model of a worker, also as JSON with escapes', () => {
    expect(checkedResult('{"a":"top\\nsecret"}', GUARDRAIL)).toContain('withheld');
    expect(checkedResult('{"a":"top"}', GUARDRAIL)).toBe('{"a":"top"}');
  });

  it('costs nothing where no keyword is set', () => {
    const outcome = { status: 'succeeded', output: 'top secret' } as const;
    expect(checkedOutcome(outcome, NONE).outcome).toBe(outcome);
  });
});

function facts(result: unknown): RunFactDraft[] {
  const step = { step_id: 'step-mcp-001' };
  const fine = { error: null, error_code: null };
  return [
    {
      type: 'mcp.tool.execution',
      data: { ...step, ...fine, tool: 'read', params: { q: result }, success: true, result, duration_ms: 1 },
    },
    { type: 'mcp.task.completed', data: { ...step, ...fine, success: true, result } },
    { type: 'a2a.delegation.completed', data: { ...step, agent: 'mock', result, remote_task_id: null } },
    { type: 'code_agent.session.started', data: { task: JSON.stringify(result), budget: 3 } },
  ];
}
