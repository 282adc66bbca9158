import { describe, expect, it } from '@jest/globals';
import { AppError, listAgents, type Principal } from '@switchyard/contracts';
import type { Bus } from '../protocol/index.ts';
import { offeredAgents } from './agents.ts';

const ANN: Principal = { tenantId: 'acme', userId: 'ann', role: 'user', via: 'dev' };
const CHEF = { id: 'chef', name: 'Chef', description: 'cooks', skills: [], reachable: true };

const busThat = (answer: () => unknown) =>
  ({
    request: async ({ subject }: { subject: string }) => {
      if (subject !== listAgents.subject) throw new AppError('no_responders');
      return answer();
    },
  }) as unknown as Bus;

describe('the agents that tasks may be given to', () => {
  it('say which kind performs them', async () => {
    const bus = busThat(() => ({ agents: [CHEF] }));
    expect(await offeredAgents(bus, ANN, () => undefined)).toEqual([{ ...CHEF, target: 'a2a' }]);
  });

  it('are none of a kind that does not answer, of which the caller is told and may refuse', async () => {
    const bus = busThat(() => {
      throw new AppError('overloaded');
    });
    const missing: unknown[] = [];
    expect(await offeredAgents(bus, ANN, (target, error) => missing.push([target, error]))).toEqual([]);
    expect(missing).toContainEqual(['a2a', expect.objectContaining({ code: 'overloaded' })]);
    expect(missing).toContainEqual(['computer_use', expect.objectContaining({ code: 'no_responders' })]);
    expect(missing).toHaveLength(2);
    const refusing = offeredAgents(bus, ANN, (target, error) => {
      if (target === 'a2a') throw error;
    });
    await expect(refusing).rejects.toMatchObject({ code: 'overloaded' });
  });
});
