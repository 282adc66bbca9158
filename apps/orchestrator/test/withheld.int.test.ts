import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { ENGINE_VERSION, performStep, type RunFact, type StepResult } from '@switchyard/contracts';
import { acts, planningStarted, started } from '@switchyard/testing';
import { calls, callsThenTells, planner, results, says } from './scripted-planner.ts';
import { request, World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await World.start();
});
afterEach(() => world.clear());
afterAll(() => world?.stop());

const done = (output: string): StepResult => ({ status: 'succeeded', output });
const MOCK = { id: 'mock', name: 'Mock', description: '', skills: [], reachable: true };

describe('a guardrail on results', () => {
  it('withholds that of a tool from the journal, the bus and the model, says so, and the run goes on', async () => {
    world.worker = async ({ stepId }, { progress }) => {
      const output = { rows: ['fine', 'the word is topsecret'] };
      const place = { step_id: stepId, error: null, error_code: null };
      progress({
        type: 'mcp.tool.execution',
        data: { ...place, tool: 'read_it', params: {}, success: true, result: output, duration_ms: 1 },
      });
      progress({ type: 'mcp.task.completed', data: { ...place, success: true, result: output } });
      return { status: 'succeeded', output };
    };
    const told: string[] = [];
    const replica = await world.replica({
      keywords: ['topsecret'],
      planner: planner((turn, asked) => {
        if (turn === 1) return calls('read_it');
        told.push(...results(asked));
        return says('I could not show it.');
      }),
    });
    const asked = request('read');
    await replica.service.start(asked);
    expect(await world.ended(asked.runId)).toMatchObject({ status: 'partial', answer: 'I could not show it.' });
    const published = await world.publishedWhole(asked.runId);
    expect(JSON.stringify(published)).not.toContain('topsecret');
    expect(JSON.stringify(told)).not.toContain('topsecret');
    expect(told.join()).toContain('withheld by a guardrail');
    const violations = published.flatMap(({ type, data, stepId }) =>
      type === 'orchestrator.guardrail.violated' ? [{ ...data, stepId }] : [],
    );
    expect(violations).toMatchObject([{ where: 'tool_result', rule: 'keyword 1', stepId: 'step-mcp-001' }]);
    expect(published.find(({ type }) => type === 'mcp.tool.execution')?.data).toMatchObject({
      success: false,
      result: null,
      error_code: 'guardrail_blocked',
    });
  });

  it('withholds that of an agent', async () => {
    world.agents = [MOCK];
    const bus = world.hub.connect('a2a');
    await bus.answer(performStep.a2a, async () => done('TOPSECRET, as you asked'));
    const replica = await world.replica({
      keywords: ['topsecret'],
      planner: callsThenTells(['delegate_to_mock', { task: 'spy' }]),
    });
    const asked = request('spy');
    await replica.service.start(asked);
    expect(await world.ended(asked.runId)).toMatchObject({ status: 'partial' });
    const events = await world.events(asked.runId);
    expect(JSON.stringify(events).toLowerCase()).not.toContain('topsecret');
    expect(
      events.flatMap(({ type, data }) => (type === 'orchestrator.guardrail.violated' ? [data] : [])),
    ).toMatchObject([{ where: 'agent_result', step_id: 'step-a2a-001' }]);
    await bus.close();
  });
});

describe('custom tool constraints', () => {
  const delegated = async (tool_constraints: Parameters<typeof request>[1] & object) => {
    let performed = 0;
    let offered: string[] = [];
    world.agents = [MOCK];
    const bus = world.hub.connect('a2a');
    await bus.answer(performStep.a2a, async () => ((performed += 1), done('done')));
    const replica = await world.replica({
      planner: planner((turn, { functions }) => {
        if (turn > 1) return says('ok');
        offered = functions.map(({ name }) => name);
        return calls(['delegate_to_mock', { task: 'x' }]);
      }),
    });
    const asked = request('delegate', tool_constraints);
    await replica.service.start(asked);
    await world.ended(asked.runId);
    await bus.close();
    return { performed, offered: offered.includes('delegate_to_mock') };
  };
  const custom = { mode: 'custom' as const, providers: [], tools: [] };

  it('that do not name an agent neither offer it nor let a step reach it', async () => {
    const constraints = { tool_constraints: { ...custom, tools: ['read_it'] } };
    expect(await delegated(constraints)).toEqual({ performed: 0, offered: false });
  });

  it.each([{ agents: ['mock'] }, { tools: ['delegate_to_mock'] }])('that name it let it be used: %j', async (lists) => {
    expect(await delegated({ tool_constraints: { ...custom, ...lists } })).toEqual({ performed: 1, offered: true });
  });

  it('refuse at the dispatch what an earlier owner planned', async () => {
    const asked = request('delegate', { tool_constraints: { ...custom, tools: ['read_it'] } });
    let performed = 0;
    const bus = world.hub.connect('a2a');
    await bus.answer(performStep.a2a, async () => ((performed += 1), done('done')));
    const planned = [started(), planningStarted(1), delegation()].map((fact) => ({ ...fact, stepId: null }));
    const { runId, idempotencyKey, run } = asked;
    const accept = { runId, run, idempotencyKey, requestHash: 'h', engineVersion: ENGINE_VERSION };
    await world.journal.accept({ ...accept, lease: { owner: 'earlier', leaseMs: 1 }, initialFacts: planned });
    await world.expireLease(runId);
    const replica = await world.replica({ planner: planner((_turn, request) => says(results(request).join())) });
    await replica.pool.offer(runId, 'acme');
    expect((await world.ended(runId)).answer).toContain('do not name it');
    expect(performed).toBe(0);
    await bus.close();
  });
});

/** What was decided is what the test says, whatever the constraints were when it was planned. */
function delegation(): RunFact {
  const fact = acts(1, ['step-a2a-001']);
  if (fact.type !== 'orchestrator.planning.completed' || fact.data.decision.kind !== 'act') throw new Error('no acts');
  const act = { step_id: 'step-a2a-001', tool_call_id: 'call_1', target: 'a2a' as const, task: 'x', agent: 'mock' };
  return { ...fact, data: { ...fact.data, decision: { ...fact.data.decision, acts: [act] } } };
}
