import { describe, expect, it } from '@jest/globals';
import { questionLine, replyFrom } from './verb-approve.ts';

describe('replyFrom', () => {
  it.each([
    [{}, 'approval', { decision: 'approve' }],
    [{ arguments: '{"name":"milk"}' }, 'approval', { decision: 'approve', arguments: { name: 'milk' } }],
    [{ deny: true, text: 'too dear' }, 'approval', { decision: 'deny', text: 'too dear' }],
    [{ text: 'green' }, 'question', { decision: 'answer', text: 'green' }],
    [{ limit: '50' }, 'budget', { decision: 'approve', arguments: { limit: 50 } }],
  ] as const)('reads %j for a question of kind %s', (values, kind, reply) => {
    expect(replyFrom(values, kind)).toEqual(reply);
  });

  it.each([
    [{}, 'question', '--text'],
    [{ arguments: '[1]' }, 'approval', 'JSON object'],
    [{ arguments: '{' }, 'approval', 'JSON object'],
    [{ limit: 'much' }, 'budget', '--limit takes a number'],
  ] as const)('says what to type for %j with a question of kind %s', (values, kind, hint) => {
    expect(() => replyFrom(values, kind)).toThrow(hint);
  });
});

describe('questionLine', () => {
  it('shows whose question it is, what is asked and how long it stays open', () => {
    const question = {
      approval_id: 'ask-1',
      kind: 'approval' as const,
      question: 'May it?',
      expires_at: 3 * 3_600_000,
    };
    expect(questionLine('run-1', question, 0)).toBe('run-1  ask-1  May it?  (open for 3 h)');
    expect(questionLine('run-1', question, 2 * 3_600_000)).toContain('60 min');
  });
});
