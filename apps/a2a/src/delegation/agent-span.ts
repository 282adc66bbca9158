import { GEN_AI, serverOf, withSpan } from '@switchyard/platform';
import type { DelegationOutcome } from './delegation.ts';
import type { KnownAgent } from '../agents/index.ts';

/** The span of one task at another agent. It holds neither the task nor the result. */
export function inAgentSpan(
  { id, name, card }: KnownAgent,
  delegate: () => Promise<DelegationOutcome>,
): Promise<DelegationOutcome> {
  const attributes = {
    [GEN_AI.operation]: 'invoke_agent',
    // Which model it plans with, if any, is its own affair.
    [GEN_AI.provider]: 'a2a',
    [GEN_AI.agentId]: id,
    [GEN_AI.agentName]: name,
    ...serverOf(card.card.supportedInterfaces[0]?.url ?? ''),
  };
  return withSpan('agent', `invoke_agent ${name}`, attributes, async (span) => {
    const outcome = await delegate();
    if (outcome.result.status !== 'succeeded') span.fail(outcome.result.code);
    return outcome;
  });
}
