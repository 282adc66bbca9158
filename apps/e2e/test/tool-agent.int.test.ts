import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startSystem, type System } from '../src/index.ts';

/*
 * A task in words goes to our own agent for tools: whole system, real servers, the development model.
 */

let system: System;
beforeAll(async () => {
  system = await startSystem({ env: { TOOL_AGENT: 'always', TOOL_SEARCH_ABOVE: '1000' } });
});
afterAll(() => system?.stop());

interface Answer {
  readonly run_id: string;
  readonly status: string;
  readonly answer: string | null;
  readonly steps: readonly { target: string; success: boolean; result: unknown; error: string | null }[];
  readonly usage?: { input_tokens: number };
}
interface Event {
  readonly type: string;
  readonly data: Record<string, unknown>;
}

async function run(user: string, body: Record<string, unknown>): Promise<Answer> {
  const answer = await fetch(`${system.gateway}/orchestrate`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-user-id': user },
    body: JSON.stringify(body),
  });
  return (await answer.json()) as Answer;
}

async function eventsOf(user: string, runId: string): Promise<Event[]> {
  const answer = await fetch(`${system.gateway}/runs/${runId}/events?dialect=raw`, { headers: { 'x-user-id': user } });
  return (await answer.text())
    .split('\n')
    .filter((line) => line.startsWith('data: '))
    .map((line) => JSON.parse(line.slice('data: '.length)) as Event);
}

/** The planner gives the task away; everything after that is the development model's own doing. */
function delegate(marker: string, task: string): void {
  const call = { name: 'delegate_to_mcp', arguments: { task } };
  system.model.setScript({
    rules: [
      { when: { taskIncludes: marker, turn: 1 }, respond: { toolCalls: [call] } },
      { when: { taskIncludes: marker, turn: 2 }, respond: { text: 'The agent is done.' } },
    ],
  });
}

describe('the agent for tools', () => {
  it('performs a delegated step with two tools, tells of each, and charges the run for the model', async () => {
    delegate('delegated-two', 'Calculate 17% of 2340 and add a note "tax" with the text "due in May".');
    const { run_id: id, status, steps } = await run('ann', { task: 'delegated-two' });
    expect([status, steps]).toEqual(['success', [expect.objectContaining({ target: 'mcp', success: true })]]);
    expect(String(steps[0]!.result)).toContain('397.8');

    const events = await eventsOf('ann', id);
    const mcp = events.filter(({ type }) => type.startsWith('mcp.'));
    expect(mcp.map(({ type }) => type).slice(0, 2)).toEqual(['mcp.task.started', 'mcp.toolbox.generated']);
    expect(mcp.at(-1)!.type).toBe('mcp.task.completed');
    const ran = mcp
      .filter(({ type }) => type === 'mcp.tool.execution')
      .map(({ data }) => [data['tool'], data['success']]);
    expect(ran).toEqual(
      expect.arrayContaining([
        ['calculator', true],
        ['add_note', true],
      ]),
    );
    expect(mcp.filter(({ type }) => type === 'mcp.tool.selected')).toHaveLength(ran.length);

    const completed = events.find(({ type }) => type === 'orchestrator.step.completed');
    const usage = completed?.data['usage'] as { input_tokens: number } | undefined;
    expect(usage?.input_tokens).toBeGreaterThan(0);
    const planned = events
      .filter(({ type }) => type === 'orchestrator.planning.completed')
      .reduce((sum, { data }) => sum + (data['usage'] as { input_tokens: number }).input_tokens, 0);
    const view = await fetch(`${system.gateway}/runs/${id}`, { headers: { 'x-user-id': 'ann' } });
    const { usage: whole } = (await view.json()) as { usage: { input_tokens: number } };
    expect(whole.input_tokens).toBe(planned + usage!.input_tokens);
  });

  it('never calls what the constraints of the run hide, nor what a person must approve', async () => {
    delegate('delegated-hidden', 'Calculate 17% of 2340.');
    const hidden = await run('bob', {
      task: 'delegated-hidden',
      tool_constraints: { mode: 'custom', providers: ['notes'] },
    });
    const inHidden = await eventsOf('bob', hidden.run_id);
    expect(inHidden.filter(({ type }) => type === 'mcp.tool.execution')).toEqual([]);

    delegate('delegated-approval', 'Delete the note "tax".');
    const asked = await run('bob', { task: 'delegated-approval' });
    expect(asked.steps[0]).toMatchObject({
      success: false,
      error: expect.stringContaining('A person must approve delete_note'),
    });
  });

  it('stops at the money of the run: the model is not asked beyond it', async () => {
    delegate('delegated-budget', 'Calculate 17% of 2340.');
    const { steps } = await run('cleo', { task: 'delegated-budget', budget: { max_tokens: 1 } });
    expect(steps).toEqual([
      expect.objectContaining({ success: false, error: expect.stringContaining('The limit of 1 tokens') }),
    ]);
  });
});
