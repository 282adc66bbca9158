import { type AgentInfo, type AgentTarget, describeAgent, listAgents, type Principal } from '@switchyard/contracts';
import type { Bus } from '../protocol/index.ts';

/** An agent that can be given a task by its name, and the kind that performs it. */
export type OfferedAgent = AgentInfo & { readonly target: AgentTarget };

/**
 * All agents that can be given tasks, of every kind (AGENT_KINDS), requested from the apps at once. `missing` is called
 * for each kind that gave no answer, and may throw; the agents of that kind are left out. If two agents have one name,
 * the agent that speaks for itself keeps it.
 */
export async function offeredAgents(
  bus: Pick<Bus, 'request'>,
  principal: Principal,
  missing: (target: AgentTarget, error: unknown) => void,
): Promise<OfferedAgent[]> {
  const themselves = Object.entries(describeAgent) as [AgentTarget, NonNullable<(typeof describeAgent)[AgentTarget]>][];
  const taken = new Set<string>(themselves.map(([target]) => target));
  const asked = async <A>(target: AgentTarget, agents: () => Promise<A[]>): Promise<A[]> => {
    try {
      return await agents();
    } catch (error) {
      missing(target, error);
      return [];
    }
  };
  const lists = await Promise.all([
    ...themselves.map(([target, contract]) =>
      asked(target, async () => [{ ...(await bus.request(contract, { principal })), id: target, target }]),
    ),
    asked('a2a', async () => {
      const { agents } = await bus.request(listAgents, { principal });
      return agents.filter(({ id }) => !taken.has(id)).map((agent) => ({ ...agent, target: 'a2a' as const }));
    }),
  ]);
  return lists.flat();
}
