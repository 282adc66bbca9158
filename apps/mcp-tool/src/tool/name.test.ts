import { describe, expect, it } from '@jest/globals';
import { fc } from '@switchyard/testing/property';
import { toolName } from './name.ts';

describe('the name of a tool of a provider', () => {
  it('is both names where they fit', () => {
    expect(toolName('gmail', 'send_message')).toBe('gmail__send_message');
  });

  it('is one that every model takes, whatever the tool is called, and the same each time', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 100 }), fc.string({ maxLength: 200 }), (provider, tool) => {
        expect(toolName(provider, tool)).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
        expect(toolName(provider, tool)).toBe(toolName(provider, tool));
      }),
    );
  });

  it('keeps tools apart that differ beyond the limit or in a letter that is not allowed', () => {
    const long = 'x'.repeat(80);
    const names = [`${long}a`, `${long}b`, 'a.b', 'a/b', 'a_b', 'a b'].map((tool) => toolName('files', tool));
    expect(new Set(names).size).toBe(names.length);
  });
});
