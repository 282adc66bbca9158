import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { HttpToolDefinition } from '../tools/http-tool.ts';
import { safeParse } from './safe-parse.ts';

describe('untrusted input', () => {
  it.each<object>([{ length: { toString: 5 } }, { length: { valueOf: 5, toString: 5 }, size: { toString: 5 } }])(
    'is a wrong value where it cannot be compared, and no defect: %j',
    (title) => {
      const definition = { name: 'x', provider: 'p', description: 'x', http: { url: 'https://a.example' }, title };
      expect(safeParse(HttpToolDefinition, definition).success).toBe(false);
    },
  );

  it('is what the schema makes of it otherwise', () => {
    expect(safeParse(z.string().max(3), 'abc')).toEqual({ success: true, data: 'abc' });
    expect(safeParse(z.string().max(3), 'abcd').error?.issues).toHaveLength(1);
    const broken = z.string().transform(() => {
      throw new RangeError('ours');
    });
    expect(() => safeParse(broken, 'a')).toThrow('ours');
  });
});
