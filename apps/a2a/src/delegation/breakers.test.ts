import { describe, expect, it } from '@jest/globals';
import { AgentBreakers } from './breakers.ts';
import type { DelegationOutcome } from './delegation.ts';

const outcomeOf = (code: string): DelegationOutcome => ({
  result: { status: 'failed', code, message: 'x' },
  remoteTaskId: undefined,
  sends: 1,
});

function guarded(failures: number, pauseMs: number) {
  const states: string[] = [];
  const breakers = new AgentBreakers({
    failures,
    pauseMs,
    onChange: (agent, state) => states.push(`${agent} ${state}`),
  });
  let calls = 0;
  const call = (code: string, agent = 'a') =>
    breakers.guard(agent, () => {
      calls += 1;
      return Promise.resolve(outcomeOf(code));
    });
  return { call, states, calls: () => calls };
}

describe('A12: an agent that is not reached', () => {
  it('is left alone after so many failures in a row, and others are not', async () => {
    const { call, states, calls } = guarded(3, 60_000);
    for (let at = 0; at < 5; at += 1)
      expect((await call('agent_unreachable')).result).toMatchObject({ code: 'agent_unreachable' });
    expect([calls(), states]).toEqual([3, ['a open']]);
    await call('agent_failed', 'b');
    expect(calls()).toBe(4);
  });

  it('is tried again after a while, by one delegation', async () => {
    const { call, states } = guarded(1, 1);
    await call('agent_unreachable');
    await new Promise((resolve) => setTimeout(resolve, 20));
    await call('agent_failed');
    expect(states).toEqual(['a open', 'a closed']);
  });

  it('a task that the agent failed is no failure of the way to it', async () => {
    const { call, states, calls } = guarded(2, 60_000);
    for (let at = 0; at < 5; at += 1) await call('agent_failed');
    expect([calls(), states]).toEqual([5, []]);
  });
});
