import { describe, expect, it } from '@jest/globals';
import { type ToolConstraints } from '@switchyard/contracts';
import { fc } from '@switchyard/testing/property';
import { constraintsAllow, objectionToDelegation } from './constraints.ts';

const custom = (lists: Partial<ToolConstraints>): ToolConstraints => ({
  mode: 'custom',
  providers: [],
  tools: [],
  ...lists,
});
const agent = fc.constantFrom('mock', 'gmail', 'delegate_to_mock', '', 'constructor', 'toString');
const lists = fc.record({
  mode: fc.constantFrom('auto' as const, 'custom' as const),
  providers: fc.array(fc.constantFrom('gmail', 'a2a', 'mock')),
  tools: fc.array(fc.constantFrom('mock', 'delegate_to_mock', 'delegate_to_', 'get_weather')),
  agents: fc.option(fc.array(agent), { nil: undefined }),
});

describe('a run under custom constraints', () => {
  it('never delegates to an agent that it does not name itself', () => {
    fc.assert(
      fc.property(agent, lists, (id, { agents, ...rest }) => {
        const constraints = { ...rest, ...(agents === undefined ? {} : { agents }) };
        const named = (agents ?? []).includes(id) || rest.tools.some((tool) => tool === `delegate_to_${id}`);
        const allowed = objectionToDelegation(id, {}, constraints) === null;
        expect(allowed).toBe(rest.mode === 'auto' || named);
      }),
    );
  });

  it('delegates to an agent under either of its names, and to none where it names only tools', () => {
    expect(objectionToDelegation('mock', {}, custom({ agents: ['mock'] }))).toBeNull();
    expect(objectionToDelegation('mock', {}, custom({ tools: ['delegate_to_mock'] }))).toBeNull();
    expect(objectionToDelegation('mock', {}, custom({ providers: ['a2a'], tools: ['mock'] }))).toContain('do not name');
  });

  it('has the same tools whether it names agents or not', () => {
    const tool = { name: 'send', provider: 'gmail' };
    expect(constraintsAllow(custom({ providers: ['gmail'], tools: ['delegate_to_mock'] }), tool)).toBe(true);
    expect(constraintsAllow(custom({ tools: ['delegate_to_mock'] }), tool)).toBe(false);
    expect(constraintsAllow(custom({ agents: ['mock'] }), tool)).toBe(false);
  });
});

describe('a caller that is held to some tools', () => {
  it('delegates only where an agent is among them, whatever the request asks for', () => {
    const auto: ToolConstraints = { mode: 'auto', providers: [], tools: [] };
    expect(objectionToDelegation('mock', { tools: ['calculator'] }, auto)).toContain('other tools alone');
    expect(objectionToDelegation('mock', { tools: ['delegate_to_*'] }, auto)).toBeNull();
    expect(objectionToDelegation('mock', { tools: ['delegate_to_mock'] }, custom({}))).toContain('do not name');
  });
});
