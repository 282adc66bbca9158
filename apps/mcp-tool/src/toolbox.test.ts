import { describe, expect, it } from '@jest/globals';
import { ROLES, type ToolConstraints, ToolInfo } from '@switchyard/contracts';
import fc from 'fast-check';
import { z } from 'zod';
import { defineTool, type Tool } from './define-tool.ts';
import { createRegistry, findTool, visibleTools } from './toolbox.ts';

const tool = (name: string, provider: string, more: Partial<Tool> = {}): Tool =>
  defineTool({
    name,
    description: name,
    provider,
    kind: 'read',
    idempotency: 'safe',
    input: z.object({ city: z.string(), days: z.number().default(1) }),
    output: z.object({ text: z.string() }),
    timeoutMs: 100,
    run: () => ({ text: '' }),
    ...more,
  });
const registry = createRegistry([
  tool('a', 'one'),
  tool('b', 'one'),
  tool('c', 'two'),
  tool('d', 'two', { requiredRole: 'admin' }),
]);

const names = fc.subarray(['a', 'b', 'c', 'd', 'x', '__proto__']);
const viewer = fc.record({
  role: fc.constantFrom(...ROLES),
  constraints: fc.record<ToolConstraints>({
    mode: fc.constantFrom('auto', 'custom'),
    providers: fc.subarray(['one', 'two', 'x']),
    tools: names,
  }),
});

describe('visibility', () => {
  it('lets be called exactly what it lists, for every role and every constraint', () => {
    fc.assert(
      fc.property(viewer, (someone) => {
        const listed = visibleTools(registry, someone).map(({ name }) => name);
        const callable = ['a', 'b', 'c', 'd', 'x', '__proto__', 'constructor'].filter(
          (name) => 'found' in findTool(registry, name, someone),
        );
        expect(callable).toEqual(listed);
      }),
    );
  });

  it('shows a tool of a role to that role alone', () => {
    const constraints: ToolConstraints = { mode: 'auto', providers: [], tools: [] };
    const shown = (role: 'user' | 'admin' | 'auditor') =>
      visibleTools(registry, { role, constraints }).map(({ name }) => name);
    expect(shown('user')).toEqual(['a', 'b', 'c']);
    expect(shown('auditor')).toEqual(['a', 'b', 'c']);
    expect(shown('admin')).toEqual(['a', 'b', 'c', 'd']);
  });

  it.each<[Partial<ToolConstraints>, string[]]>([
    [{}, []],
    [{ providers: ['one'] }, ['a', 'b']],
    [{ tools: ['b', 'c'] }, ['b', 'c']],
    [{ providers: ['one'], tools: ['b', 'c'] }, ['b']],
    [{ providers: ['x'], tools: ['a'] }, []],
  ])('takes a custom list as what is allowed: %j', (given, expected) => {
    const constraints: ToolConstraints = { mode: 'custom', providers: [], tools: [], ...given };
    expect(visibleTools(registry, { role: 'user', constraints }).map(({ name }) => name)).toEqual(expected);
  });
});

describe('a registry', () => {
  it('does not start with two tools of one name, or with more than one list can tell', () => {
    expect(() => createRegistry([tool('a', 'one'), tool('a', 'two')])).toThrow('same name');
    const long = (name: string) => tool(name, 'one', { description: 'x'.repeat(4_000) });
    expect(() => createRegistry(Array.from({ length: 80 }, (_, index) => long(`t${index}`)))).toThrow('do not fit');
  });
});

describe('defineTool', () => {
  it('describes the arguments as a caller writes them, and the result as it gets it', () => {
    const { info } = tool('a', 'one');
    expect(ToolInfo.parse(info)).toEqual(info);
    expect(info.inputSchema).toMatchObject({ type: 'object', required: ['city'] });
    expect(info.outputSchema).toMatchObject({ type: 'object', required: ['text'] });
  });

  it.each<[string, Partial<Tool>]>([
    ['a name that a model could not call', { name: 'get weather' }],
    ['a name that is too long', { name: 'x'.repeat(65) }],
    ['no time limit', { timeoutMs: Number.NaN }],
    ['a time limit that nobody waits for', { timeoutMs: 3_600_000 }],
    ['a description without end', { description: 'x'.repeat(5_000) }],
  ])('refuses %s', (_what, more) => {
    expect(() => tool('a', 'one', more)).toThrow();
  });
});
