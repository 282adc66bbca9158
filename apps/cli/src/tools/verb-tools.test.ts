import { describe, expect, it } from '@jest/globals';
import { toolLines, toolPage, verdictLines } from '../terminal/tool-lines.ts';
import { viewerFrom } from './verb-tools.ts';
import { asFile } from './verb-tools-file.ts';

describe('whose view of the tools', () => {
  const own = { user: 'dev' };

  it('is a user, with a role where one is said', () => {
    expect(viewerFrom('u1', own)).toEqual({ user: 'u1', role: 'user' });
    expect(viewerFrom('admin:root', own)).toEqual({ user: 'root', role: 'admin' });
  });

  it('is the own one where nobody is named, not that of the admin who is told', () => {
    expect(viewerFrom(undefined, own)).toEqual({ user: 'dev', role: 'user' });
    expect(viewerFrom(undefined, { user: 'ada', role: 'admin' })).toEqual({ user: 'ada', role: 'admin' });
  });

  it.each(['user:', 'king:u1', 'a b', ''])('says what to type for "%s"', (text) => {
    expect(() => viewerFrom(text, own)).toThrow(/--as user:u1/);
  });
});

const tool = {
  name: 'wipe',
  provider: 'disk',
  kind: 'destructive' as const,
  description: 'Wipe\nit.',
  requires_approval: true,
  input_schema: {
    type: 'object',
    properties: {
      disk: { type: 'string', description: 'Which one' },
      passes: { type: 'integer', default: 3 },
      how: { enum: ['fast', 'slow'] },
    },
    required: ['disk', 'how'],
  },
};

it('shows tools in columns, and which rule hides one', () => {
  const long = {
    ...tool,
    name: 'a_tool_with_a_very_long_name_indeed',
    kind: 'read' as const,
    requires_approval: false,
  };
  const lines = toolLines([tool, long]);
  expect(lines[0]).toMatch(/^wipe +disk +destructive, asks {2}Wipe it\.$/);
  expect(lines[0]!.indexOf('disk')).toBe(lines[1]!.indexOf('disk'));
  const verdict = {
    tool: 'wipe',
    provider: 'disk',
    visible: false,
    rule: 'role' as const,
    because: 'It is for the role admin.',
  };
  expect(verdictLines([verdict])).toEqual(['wipe  disk  hidden by role: It is for the role admin.']);
  expect(verdictLines([{ ...verdict, visible: true }])).toEqual(['wipe  disk  visible']);
});

it('shows what a tool takes, and a call that can be typed', () => {
  const page = toolPage(tool).join('\n');
  expect(page).toMatch(/disk \* +string +Which one/);
  expect(page).toMatch(/passes +integer +\(default 3\)/);
  expect(page).toContain(`./switchyard tools call wipe --arguments '{"disk":"...","how":"fast"}'`);
  expect(toolPage({ ...tool, input_schema: { type: 'object' } })).toContain('Takes no arguments.');
});

it('takes one tool as JSON for a file with one tool, and leaves every line where it is', () => {
  expect(asFile('{\n"name": "x"\n}')).toBe('{"tools":[{\n"name": "x"\n}]}');
  expect(asFile('{"tools": []}')).toBe('{"tools": []}');
  expect(asFile('tools: []')).toBe('tools: []');
});
