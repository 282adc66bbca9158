import { describe, expect, it } from '@jest/globals';
import { Canaries } from '../stack/canaries.ts';
import { problemsOf } from './judge.ts';

const canaries = new Canaries();
const secret = canaries.secret('vault key');
const note = canaries.ofVictim('a task');

describe('an answer', () => {
  it.each([
    ['500', { status: 500, text: '{}' }],
    ['a 5xx that nobody documented', { status: 504, text: '{}', documented: [503] }],
    ['a stack', { status: 400, text: '{"detail":"x\\n    at Object.run (file:///srv/app.js:3:4)"}' }],
    ['a place in the code', { status: 400, text: 'thrown at apps/gateway/src/hooks.ts:41' }],
    ['a secret', { status: 200, text: `hello ${secret}` }],
    ["somebody else's words", { status: 200, text: `hello ${note}` }],
  ])('is a finding with %s', (_what, answer) => {
    expect(problemsOf({ reader: 'other', ...answer }, canaries)).toHaveLength(1);
  });

  it.each([
    ['a refusal', { status: 403, text: '{"detail":"at the moment (not) allowed"}', reader: 'other' as const }],
    ['a documented 503', { status: 503, text: '{}', documented: [503], reader: 'other' as const }],
    ["the victim's own words to the victim", { status: 200, text: note, reader: 'victim' as const }],
  ])('is none with %s', (_what, answer) => {
    expect(problemsOf(answer, canaries)).toEqual([]);
  });

  it('is a finding with a secret, whoever reads it', () => {
    for (const reader of ['victim', 'other', 'log'] as const)
      expect(problemsOf({ status: 200, text: secret, reader }, canaries)).toHaveLength(1);
  });
});
