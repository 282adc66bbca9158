import { describe, expect, it } from '@jest/globals';
import type { ToolInfo } from '@switchyard/contracts';
import { fc } from '@switchyard/testing/property';
import { functionsFor, type ModelCall, type Toolbox, toActs, withClientTools } from './functions.ts';
import { NO_RULES } from '../orchestrator.fixture.ts';

const tool = (name: string): ToolInfo => ({
  name,
  description: name,
  provider: 'p',
  inputSchema: { type: 'object' },
  kind: 'read',
  idempotency: 'safe',
});
const TOOLBOX: Toolbox = {
  tools: [tool('calculator'), tool('get_weather')],
  agents: [{ id: 'mock_agent', name: 'Mock agent', description: 'echoes', skills: [], reachable: true, target: 'a2a' }],
};
const call = (name: string, args: unknown, id = 'call_1'): ModelCall => ({
  id,
  name,
  arguments: typeof args === 'string' ? args : JSON.stringify(args),
});

describe('functionsFor', () => {
  it('offers the visible tools, one delegate per agent, and submit_plan', () => {
    expect(functionsFor(TOOLBOX).map((fn) => fn.name)).toEqual([
      'calculator',
      'get_weather',
      'delegate_to_mock_agent',
      'submit_plan',
    ]);
  });

  it('offers our own agent for tools beside them, and no other agent under its name', () => {
    const impostor = { ...TOOLBOX.agents[0]!, id: 'mcp', name: 'Not ours' };
    const beside: Toolbox = { ...TOOLBOX, agents: [...TOOLBOX.agents, impostor], toolAgent: 'beside' };
    expect(functionsFor(beside).map((fn) => fn.name)).toEqual([
      'calculator',
      'get_weather',
      'delegate_to_mcp',
      'delegate_to_mock_agent',
      'submit_plan',
    ]);
    const { acts } = toActs([call('delegate_to_mcp', { task: 'do both' })], beside, {
      plannedBefore: 0,
      stepsLeft: 5,
      rules: NO_RULES,
    });
    expect(acts).toMatchObject([{ step_id: 'step-mcp-001', target: 'mcp', agent: 'mcp', task: 'do both' }]);
    expect(acts[0]!.tool).toBeUndefined();
    expect(
      toActs([call('delegate_to_mcp', { task: 'x' })], TOOLBOX, { plannedBefore: 0, stepsLeft: 5, rules: NO_RULES })
        .acts,
    ).toMatchObject([{ invalid: { code: 'agent_not_found' } }]);
  });

  it('offers, in the place of many tools, that agent and those that a person must approve', () => {
    const asks = { ...tool('drop_all'), requiresApproval: true };
    const many: Toolbox = { tools: [...TOOLBOX.tools, asks], agents: [], toolAgent: 'instead' };
    expect(functionsFor(many).map((fn) => fn.name)).toEqual(['drop_all', 'delegate_to_mcp', 'submit_plan']);
    const rules = { ...NO_RULES, tools: ['get_*'] };
    expect(functionsFor(many, false, rules).map((fn) => fn.name)).toContain('get_weather');
  });

  it('offers nothing where nothing may be used', () => {
    expect(functionsFor({ tools: [], agents: [] })).toEqual([]);
  });
});

describe('toActs', () => {
  it('numbers steps over the whole run and names their target', () => {
    const { order, acts } = toActs(
      [call('calculator', { expression: '1' }), call('delegate_to_mock_agent', { task: 'hi' }, 'call_2')],
      TOOLBOX,
      { plannedBefore: 2, stepsLeft: 10, rules: NO_RULES },
    );
    expect(order).toBe('parallel');
    expect(acts.map((act) => [act.step_id, act.target])).toEqual([
      ['step-mcp-003', 'mcp'],
      ['step-a2a-004', 'a2a'],
    ]);
  });

  it('takes an alias for the name of its tool, which the step then has', () => {
    const aliased: Toolbox = { ...TOOLBOX, tools: [{ ...tool('calculator'), aliases: ['calculator_tool'] }] };
    const limits = { plannedBefore: 0, stepsLeft: 5, rules: NO_RULES };
    const { acts } = toActs([call('calculator_tool', { expression: '1' })], aliased, limits);
    expect(acts).toMatchObject([{ target: 'mcp', tool: 'calculator', arguments: { expression: '1' } }]);
    expect(functionsFor(aliased).map(({ name }) => name)).not.toContain('calculator_tool');
  });

  it('turns submit_plan into steps that run in order', () => {
    const plan = {
      steps: [
        { tool: 'calculator', arguments: { expression: '1' } },
        { agent: 'mock_agent', task: 'say it' },
      ],
    };
    const { order, acts } = toActs([call('submit_plan', plan)], TOOLBOX, {
      plannedBefore: 0,
      stepsLeft: 10,
      rules: NO_RULES,
    });
    expect(order).toBe('sequence');
    expect(acts).toMatchObject([
      { target: 'mcp', tool: 'calculator', tool_call_id: 'call_1#1' },
      { target: 'a2a', agent: 'mock_agent', task: 'say it', tool_call_id: 'call_1#2' },
    ]);
  });

  it.each([
    ['an unknown function', call('rm_rf', {}), 'tool_not_found'],
    ['an unknown agent', call('delegate_to_nobody', { task: 'x' }), 'agent_not_found'],
    ['invalid JSON', call('calculator', '{"expression": '), 'tool_invalid_arguments'],
    ['an array for arguments', call('calculator', '[1]'), 'tool_invalid_arguments'],
    ['a delegation without a task', call('delegate_to_mock_agent', {}), 'tool_invalid_arguments'],
    ['a plan without steps', call('submit_plan', { steps: [] }), 'tool_invalid_arguments'],
  ])('marks %s as an answer that goes back to the model', (_name, wrong, code) => {
    expect(toActs([wrong], TOOLBOX, { plannedBefore: 0, stepsLeft: 10, rules: NO_RULES }).acts).toMatchObject([
      { invalid: { code } },
    ]);
  });

  it('performs no more steps than the budget leaves', () => {
    const calls = ['a', 'b', 'c'].map((id) => call('calculator', {}, id));
    const { acts } = toActs(calls, TOOLBOX, { plannedBefore: 0, stepsLeft: 2, rules: NO_RULES });
    expect(acts.map((act) => act.invalid?.code)).toEqual([undefined, undefined, 'budget_exceeded']);
  });

  it('gives well-formed acts for whatever the model wrote', () => {
    const anyCall = fc.record({
      id: fc.string({ minLength: 1, maxLength: 100 }),
      name: fc.string(),
      arguments: fc.oneof(fc.string(), fc.json()),
    });
    fc.assert(
      fc.property(fc.array(anyCall, { minLength: 1, maxLength: 70 }), (calls) => {
        const { acts } = toActs(calls, TOOLBOX, { plannedBefore: 0, stepsLeft: 1_000, rules: NO_RULES });
        expect(acts.length).toBeGreaterThan(0);
        expect(acts.length).toBeLessThanOrEqual(64);
        expect(new Set(acts.map((act) => act.step_id)).size).toBe(acts.length);
      }),
    );
  });
});

describe('tools of the client', () => {
  const parameters = { type: 'object', properties: { color: { type: 'string' } } };
  const box = withClientTools(TOOLBOX, [{ name: 'paint', description: 'Paints', parameters }]);
  const limits = { plannedBefore: 0, stepsLeft: 9, rules: NO_RULES };

  it('are offered beside ours, and where there is nothing else', () => {
    expect(functionsFor(box)).toContainEqual({ name: 'paint', description: 'Paints', parameters });
    expect(functionsFor({ ...box, tools: [], agents: [] }).map((fn) => fn.name)).toEqual(['paint']);
  });

  it('take the place of one of ours with their name: it is not called instead', () => {
    const own = withClientTools(TOOLBOX, [{ name: 'calculator', description: 'Mine' }]);
    expect(functionsFor(own).filter(({ name }) => name === 'calculator')).toMatchObject([{ description: 'Mine' }]);
    expect(toActs([call('calculator', {})], own, limits).acts).toMatchObject([{ target: 'user', tool: 'calculator' }]);
  });

  it('are called by asking the client, with their arguments, also in a plan', () => {
    const asked = {
      target: 'user',
      tool: 'paint',
      arguments: { color: 'red' },
      approval: { question: expect.stringContaining('paint'), timeout_seconds: NO_RULES.timeoutSeconds },
    };
    expect(toActs([call('paint', { color: 'red' })], box, limits).acts).toMatchObject([asked]);
    const steps = [
      { tool: 'paint', arguments: { color: 'red' } },
      { tool: 'calculator', arguments: {} },
    ];
    expect(toActs([call('submit_plan', { steps })], box, limits)).toMatchObject({
      order: 'sequence',
      acts: [asked, { target: 'mcp' }],
    });
    expect(toActs([call('paint', 'no json')], box, limits).acts).toMatchObject([
      { invalid: { code: 'tool_invalid_arguments' } },
    ]);
  });
});
