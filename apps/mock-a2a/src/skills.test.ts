import { describe, expect, it } from '@jest/globals';
import { workFor } from './skills.ts';

describe('the mock agent is deterministic', () => {
  it.each([
    ['uppercase hello', 'HELLO'],
    ['Please uppercase "hello world"', 'HELLO WORLD'],
    ['reverse abc', 'cba'],
    ['echo: hi there', 'hi there'],
    ['summarise The sun rose. It was warm.', 'The sun rose. (6 words)'],
    ['tell me a joke', 'The mock agent heard: tell me a joke'],
  ])('%s', (task, text) => {
    expect(workFor(task)).toEqual({ kind: 'answer', text, waitMs: 0 });
  });

  it('waits as long as it is told, within a limit', () => {
    expect(workFor('slow 2 hello')).toEqual({ kind: 'answer', text: 'hello', waitMs: 2_000 });
    expect(workFor('slow 0.2')).toEqual({ kind: 'answer', text: 'Done after 0.2 s', waitMs: 200 });
    expect(workFor('slow 99999 x')).toMatchObject({ waitMs: 300_000 });
  });
});
