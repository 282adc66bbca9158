import { EXIT, UserError } from './user-error.ts';
import type { VerbContext } from './verb.ts';
import { quarantine, upstreams } from './verb-tools-quarantine.ts';

const ACTS: Readonly<Record<string, (context: VerbContext) => Promise<number>>> = { quarantine, upstreams };

/** `tools <act> …`: what there is to see and to decide about tools. */
export function tools(context: VerbContext): Promise<number> {
  const [act = '', ...positionals] = context.positionals;
  const work = Object.hasOwn(ACTS, act) ? ACTS[act] : undefined;
  if (!work) throw new UserError(`What to do? ./switchyard tools ${Object.keys(ACTS).join(' | ')}`, EXIT.usage);
  return work({ ...context, positionals });
}
