import type { AgentInfo } from '@switchyard/contracts';

/* What the verb `agents` prints of the agents that the stack delegates to. Pure. */

/** One line for each agent. */
export function agentLines(agents: readonly AgentInfo[]): string[] {
  if (agents.length === 0) return ['No agents. Name some: A2A_AGENTS=https://agent.example ./switchyard up --apply'];
  const width = Math.max(...agents.map(({ id }) => id.length));
  return agents.map((agent) => `${agent.id.padEnd(width)}  ${stateOf(agent)}  ${agent.description}`.trimEnd());
}

function stateOf({ reachable, card }: AgentInfo): string {
  if (typeof card?.refused === 'string') return 'quarantined';
  return (reachable ? (card?.trust ?? 'reachable') : 'away').padEnd('quarantined'.length);
}

/** All that is known of one agent. */
export function agentPage({ id, name, description, skills, reachable, card }: AgentInfo): string[] {
  return [
    `${name} (${id})`,
    ...(description === '' ? [] : [description]),
    '',
    `reachable   ${reachable ? 'yes' : 'no'}`,
    ...(card
      ? [
          `card        ${card.url}`,
          `trust       ${card.trust}${card.signedBy === null ? '' : `, signed by key "${card.signedBy}"`}`,
          `digest      ${card.digest ?? 'none was read'}`,
          ...(card.refused === null ? [] : [`refused     ${card.refused}`]),
        ]
      : []),
    ...(skills.length === 0 ? [] : ['', ...skills.map((skill) => `${skill.name}: ${skill.description}`)]),
  ];
}

/** The agents that nothing is sent to because of their cards, why, and what would approve each. */
export function quarantineLines(agents: readonly AgentInfo[]): string[] {
  if (agents.length === 0) return ['No agent is quarantined.'];
  return agents.flatMap(({ id, card }) => {
    if (!card) return [];
    const how =
      card.trust === 'pinned' && card.digest !== null
        ? [
            '  If the card is right, approve it in A2A_AGENTS, and start the stack again with --apply:',
            `    {"url": "…", "card": "${card.digest}"}`,
          ]
        : ['  Ask the operator of the agent; it is used again by itself once a card that is trusted can be read.'];
    return [`${id}: ${card.refused ?? ''}`, `  Look at it: ./switchyard agents card ${card.url} --verify`, ...how];
  });
}
