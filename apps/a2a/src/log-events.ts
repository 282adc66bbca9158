import { eventLogger, infoEvent, warnEvent } from '@switchyard/platform';

/** The log events of this service; services log SHARED_LOG_EVENTS as well. */
export const LOG_EVENTS = {
  agents_configured: infoEvent('{agents} agents are configured; their cards are read now.'),
  agent_unreachable: warnEvent(
    'The card of agent {agent} cannot be read.',
    'Check the address of the agent and the agent itself: `./switchyard doctor --only a2a`.',
    'monitoring.md',
  ),
  agent_card_refused: warnEvent(
    'The card of agent {agent} is not trusted; nothing is sent to it.',
    'Read `reason`, and ask the operator of the agent. `./switchyard agents quarantine` says what would be trusted.',
    'a2a-call.md',
  ),
  agent_left_alone: warnEvent(
    'Agent {agent} was not reached several times in a row; nothing is sent to it for a while.',
    'Check the agent: `./switchyard doctor --only a2a`. One task tries again by itself.',
    'a2a-call.md',
  ),
  agent_reached_again: infoEvent('Agent {agent} is reached again.'),
  agent_card_changed: warnEvent(
    'The card of agent {agent} has changed.',
    'Check that its operator meant the change, and that it still goes to the right place.',
    'monitoring.md',
  ),
  delegation_failed: warnEvent(
    'A task that was delegated to an agent failed.',
    'Read `code` in the reference of error codes. If it repeats for one agent, ask its operator.',
    'reference/errors.md',
  ),
};

export const logEvent = eventLogger(LOG_EVENTS);
