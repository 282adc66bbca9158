import type { AgentInfo, Principal, ToolConstraints, ToolVerdict } from '@switchyard/contracts';
import { AGENT_PROVIDER, DELEGATE, objectionToDelegation } from '@switchyard/run';

/** True if a name in a list of tools means an agent. */
export function isAgentName(name: string | undefined): boolean {
  return name !== undefined && name.startsWith(DELEGATE);
}

/** Whether a run under these constraints may delegate to each agent, beside the verdicts of tools. Pure. */
export function agentVerdicts(
  agents: readonly AgentInfo[],
  caller: Pick<Principal, 'tools'>,
  constraints: ToolConstraints,
  only?: string,
): ToolVerdict[] {
  return agents
    .filter(({ id }) => only === undefined || only === `${DELEGATE}${id}`)
    .map(({ id }) => {
      const because = objectionToDelegation(id, caller, constraints);
      return {
        tool: `${DELEGATE}${id}`,
        provider: AGENT_PROVIDER,
        kind: 'write' as const,
        source: 'agent' as const,
        visible: because === null,
        rule: because === null ? null : ('constraints' as const),
        because,
      };
    });
}
