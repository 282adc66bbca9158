import { describe, expect, it } from '@jest/globals';
import { argumentsOf, callInWords, taking, toolFunction } from './functions.ts';

describe('a function', () => {
  it('is described to the model by its name, its purpose and what it takes, and nothing else of the tool', () => {
    const tool = { name: 'a', description: 'Does a.', inputSchema: { type: 'object' }, provider: 'p', kind: 'read' };
    expect(toolFunction(tool)).toEqual({ name: 'a', description: 'Does a.', parameters: { type: 'object' } });
  });

  it('takes all of its properties and no others, where nothing else is said', () => {
    const properties = { a: { type: 'string' }, b: { type: 'integer' } };
    const parameters = { type: 'object', properties, required: ['a', 'b'], additionalProperties: false };
    expect(taking(properties)).toEqual(parameters);
    expect(taking(properties, ['a'])).toEqual({ ...parameters, required: ['a'] });
  });
});

describe('a call', () => {
  it('has the arguments that the model wrote, none for nothing, and is no call with anything but an object', () => {
    expect(argumentsOf('{"a":1}')).toEqual({ a: 1 });
    expect(['', ' \n'].map(argumentsOf)).toEqual([{}, {}]);
    expect(['null', '[]', '"a"', '1', '{', 'undefined'].map(argumentsOf)).toEqual(Array.from({ length: 6 }));
  });

  it('is told in words of a bounded length', () => {
    expect(callInWords('add', { a: 1 }, 7)).toBe('add {"a":1}');
    expect(callInWords('add', { a: 1 }, 6)).toBe('add {"a":1…');
  });
});
