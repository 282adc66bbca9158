import type { AgentInfo } from '@switchyard/contracts';
import { suggestion } from '../../verbs.mjs';
import { askAsOperator } from '../command-line/operator-bus.ts';
import type { VerbContext } from '../command-line/verb.ts';
import { EXIT, UserError } from '../terminal/user-error.ts';
import { card } from './agent-card.ts';
import { callAgent } from './agent-call.ts';
import { agentLines, agentPage, quarantineLines } from './agent-lines.ts';

const AGENT_WORDS = ['list', 'show', 'card', 'call', 'quarantine'] as const;

/** `agents`: the agents that this stack delegates to, and the card of any agent. */
export async function agents(context: VerbContext): Promise<number> {
  const [word = 'list', what, more, surplus] = context.positionals;
  const tooMuch = word === 'call' ? surplus : word === 'show' || word === 'card' ? more : what;
  if (tooMuch !== undefined) throw usage(`"${tooMuch}" is too much after agents ${word}.`);
  switch (word) {
    case 'list':
      return told(context, await known(context), agentLines);
    case 'show':
      return told(context, await agentNamed(context, named(what, word)), agentPage);
    case 'quarantine':
      return told(
        context,
        (await known(context)).filter((agent) => typeof agent.card?.refused === 'string'),
        quarantineLines,
      );
    case 'card':
      return card(context, await addressOf(context, named(what, word)));
    case 'call':
      if (more === undefined) throw usage('Say what the agent is to do: ./switchyard agents call <agent> "task".');
      return callAgent(context, await addressOf(context, named(what, word)), more);
    default: {
      const meant = suggestion(word, AGENT_WORDS);
      throw usage(`There is no agents ${word}.${meant === undefined ? '' : ` Did you mean "agents ${meant}"?`}`);
    }
  }
}

async function known(context: VerbContext): Promise<AgentInfo[]> {
  const { listAgents } = await import('@switchyard/contracts');
  return (await askAsOperator(context, listAgents, { fresh: true })).agents;
}

async function agentNamed(context: VerbContext, name: string): Promise<AgentInfo> {
  const all = await known(context);
  const found = all.find((agent) => agent.id === name || agent.name.toLowerCase() === name.toLowerCase());
  if (found) return found;
  const ids = all.map(({ id }) => id);
  const meant = suggestion(name, ids);
  const hint = meant === undefined ? `Known: ${ids.join(', ') || 'none'}.` : `Did you mean "${meant}"?`;
  throw new UserError(`There is no agent "${name}" in A2A_AGENTS. ${hint}`, EXIT.failed);
}

/** An address as it is; the name of an agent becomes the address of its card, unless the card is not trusted. */
async function addressOf(context: VerbContext, what: string): Promise<string> {
  if (/^https?:\/\//i.test(what)) return what;
  const { card: state } = await agentNamed(context, what);
  if (!state) throw new UserError('The running service for other agents is older than this command.', EXIT.unavailable);
  if (state.refused !== null && context.positionals[0] === 'call')
    throw new UserError(
      `Nothing is sent to "${what}": ${state.refused} See ./switchyard agents quarantine.`,
      EXIT.failed,
    );
  return state.url;
}

function told<T>({ values, print }: VerbContext, what: T, lines: (what: T) => string[]): number {
  if (values['json'] === true) print(JSON.stringify(what, null, 2));
  else for (const line of lines(what)) print(line);
  return EXIT.ok;
}

function named(what: string | undefined, word: string): string {
  if (what === undefined) throw usage(`Name the agent, or give its address: ./switchyard agents ${word} <agent|url>.`);
  return what;
}

function usage(message: string): UserError {
  return new UserError(`${message} See ./switchyard agents --help.`, EXIT.usage);
}
