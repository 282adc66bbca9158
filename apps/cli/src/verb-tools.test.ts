import { describe, expect, it } from '@jest/globals';
import { toolLine, verdictLine, viewerFrom } from './verb-tools.ts';

describe('whose view of the tools', () => {
  it('is a user, with a role where one is said', () => {
    expect(viewerFrom('u1')).toEqual({ user: 'u1', role: 'user' });
    expect(viewerFrom('admin:root')).toEqual({ user: 'root', role: 'admin' });
    expect(viewerFrom(undefined)).toEqual({});
  });

  it.each(['user:', 'king:u1', 'a b', ''])('says what to type for "%s"', (text) => {
    expect(() => viewerFrom(text)).toThrow(/--as user:u1/);
  });
});

it('shows a tool on one line, and which rule hides it', () => {
  const tool = {
    name: 'wipe',
    provider: 'disk',
    kind: 'destructive',
    description: 'Wipe\nit.',
    requires_approval: true,
  };
  expect(toolLine(tool)).toMatch(/^wipe +disk +destructive, needs an approval {2}Wipe/);
  const verdict = {
    tool: 'wipe',
    provider: 'disk',
    visible: false,
    rule: 'role',
    because: 'It is for the role admin.',
  };
  expect(verdictLine(verdict)).toMatch(/^wipe +disk +hidden by role: It is for the role admin\.$/);
  expect(verdictLine({ ...verdict, visible: true })).toMatch(/visible$/);
});
