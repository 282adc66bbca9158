import { suggestion } from '../../verbs.mjs';
import type { VerbContext } from '../command-line/verb.ts';
import { EXIT, UserError } from '../terminal/user-error.ts';
import { card } from './agent-card.ts';

const AGENT_WORDS = ['card'] as const;

/** `agents`: the cards of other agents. */
export async function agents(context: VerbContext): Promise<number> {
  const [word = 'card', what, surplus] = context.positionals;
  if (surplus !== undefined) throw usage(`"${surplus}" is too much after agents ${word}.`);
  if (word === 'card') {
    if (what === undefined)
      throw usage('Name the agent by its address: ./switchyard agents card https://agent.example.');
    return card(context, what);
  }
  const meant = suggestion(word, AGENT_WORDS);
  throw usage(`There is no agents ${word}.${meant === undefined ? '' : ` Did you mean "agents ${meant}"?`}`);
}

function usage(message: string): UserError {
  return new UserError(`${message} See ./switchyard agents --help.`, EXIT.usage);
}
