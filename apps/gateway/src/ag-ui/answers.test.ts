import { describe, expect, it } from '@jest/globals';
import type { OpenApproval } from '@switchyard/contracts';
import { answerInWords, clientResults } from './answers.ts';

const user = (content: string) => ({ id: `u-${content}`, role: 'user', content });
const calling = (id: string) => ({ id: 'p1', role: 'assistant', toolCalls: [{ id }] });
const result = (toolCallId: string, more: object = { content: 'done' }) => ({
  id: 'r',
  role: 'tool',
  toolCallId,
  ...more,
});

describe('clientResults', () => {
  it('are the tool messages after the last word of the assistant that answer calls of one run', () => {
    const messages = [
      user('a'),
      calling('old-step-ask-001'),
      result('old-step-ask-001'),
      calling('run-1-step-ask-002'),
      result('run-1-step-mcp-001'),
      result('run-1-step-ask-002', { content: [{ type: 'text', text: 'blue' }] }),
    ];
    expect(clientResults(messages)).toEqual({
      runId: 'run-1',
      answers: [{ approvalId: 'ask-step-ask-002', payload: { text: 'blue' }, cancelled: false }],
    });
    expect(clientResults([...messages, { id: 'x', role: 'assistant', content: 'Blue.' }])).toBeUndefined();
    expect(clientResults([result('somebody-elses'), result('a b-step-ask-001')])).toBeUndefined();
  });

  it('carry errors and silence in words, and refuse what is too long or no text', () => {
    const text = (more: object) => clientResults([result('r-step-ask-001', more)])?.answers[0]?.payload;
    expect(text({ content: '', error: 'closed' })).toEqual({ text: '{"error":"closed","content":""}' });
    expect(text({ content: '' })).toEqual({ text: '(The tool gave no text.)' });
    expect(() => text({ content: 'x'.repeat(20_001) })).toThrow('20000');
    expect(() => text({ content: [{ type: 'audio' }] })).toThrow('must be text');
  });
});

describe('answerInWords', () => {
  const ask = (kind: OpenApproval['kind'], stepId: string | null = 'step-mcp-001'): OpenApproval => ({
    approval_id: 'ask-1',
    kind,
    step_id: stepId,
    question: '?',
    expires_at: 1,
  });
  const said = (approval: OpenApproval, messages: object[]) =>
    answerInWords({ runId: 'run-1', approvals: [approval] }, messages as never)?.answer;
  const seen = calling('run-1-step-mcp-001');

  it('is what the user says after the question was shown', () => {
    expect(said(ask('approval'), [user('x'), seen, user('Approve.')])).toEqual({ decision: 'approve' });
    expect(said(ask('approval'), [user('x'), seen, user('no')])).toEqual({ decision: 'deny' });
    expect(said(ask('question'), [user('x'), seen, user('Rome')])).toEqual({ decision: 'answer', text: 'Rome' });
    expect(said(ask('budget', null), [user('x'), seen, user('yes')])).toEqual({ decision: 'approve' });
  });

  it('is never guessed: not from other words, nor from a client that was not shown the question', () => {
    expect(said(ask('approval'), [user('x'), seen, user('maybe')])).toBeUndefined();
    expect(said(ask('approval'), [user('approve'), seen])).toBeUndefined();
    expect(said(ask('question'), [user('Hello?')])).toBeUndefined();
    expect(said(ask('budget', null), [user('yes')])).toBeUndefined();
    expect(said({ ...ask('question'), tool: 'show' }, [user('x'), seen, user('Rome')])).toBeUndefined();
  });
});
