import type { EffectList, EffectResource } from '@switchyard/contracts/http';
import { textOption } from '../command-line/arguments.ts';
import { compact } from '../terminal/event-line.ts';
import { EXIT, UserError } from '../terminal/user-error.ts';
import { gatewayOf, type VerbContext } from '../command-line/verb.ts';

/** What is shown of an effect of a tool. */
export type EffectRow = Pick<
  EffectResource,
  'effect_id' | 'run_id' | 'tool' | 'state' | 'late' | 'arguments' | 'settled' | 'created_at'
>;

const STATES = ['intent', 'dispatched', 'succeeded', 'failed', 'in_doubt'];

export function effectLine(effect: EffectRow): string {
  const when = new Date(effect.created_at).toISOString().replace('T', ' ').slice(0, 19);
  const marks = [effect.late ? 'late' : '', effect.settled ? `settled by ${effect.settled.by}` : ''].filter(Boolean);
  const what = compact(`${effect.tool}(${JSON.stringify(effect.arguments)})`);
  const state = marks.length === 0 ? effect.state : `${effect.state} (${marks.join(', ')})`;
  return `${effect.effect_id}  ${when}  ${state.padEnd(10)}  ${what}${effect.run_id ? `  run ${effect.run_id}` : ''}`;
}

/** The body of a settlement from what was typed. Throws, with what to type, where it does not say enough. */
export function settlementFrom(values: VerbContext['values']): { outcome: 'succeeded' | 'failed'; note: string } {
  const [succeeded, failed] = [values['succeeded'] === true, values['failed'] === true];
  if (succeeded === failed)
    throw new UserError('Did it happen? Say --succeeded or --failed, and with --note how you know.', EXIT.usage);
  const note = textOption(values, 'note')?.trim();
  if (!note) throw new UserError('Say with --note "..." how you know; the audit log keeps it.', EXIT.usage);
  return { outcome: succeeded ? 'succeeded' : 'failed', note };
}

/** `effects`: the list; `effects settle <id>`: the word of a person on one that is in doubt. */
export async function effects(context: VerbContext): Promise<number> {
  const [word, id] = context.positionals;
  if (word === undefined) return list(context);
  if (word === 'settle' && id !== undefined) return settle(context, id);
  throw new UserError('What to do? ./switchyard effects, or ./switchyard effects settle <effectId> ...', EXIT.usage);
}

const PAGE = 100;
const MOST_SHOWN = 1_000;

async function list(context: VerbContext): Promise<number> {
  const { values, print } = context;
  const [state, run] = [textOption(values, 'state'), textOption(values, 'run')];
  if (state !== undefined && !STATES.includes(state))
    throw new UserError(`There is no state "${state}". There are: ${STATES.join(', ')}.`, EXIT.usage);
  const gateway = gatewayOf(context);
  const query = new URLSearchParams({
    limit: String(PAGE),
    ...(state ? { state } : {}),
    ...(run ? { run_id: run } : {}),
  });
  const found: EffectRow[] = [];
  for (let more = true; more && found.length < MOST_SHOWN;) {
    const page = (await gateway.get(`/effects?${query}`)) as EffectList;
    found.push(...page.effects);
    more = page.next_cursor !== null;
    query.set('cursor', page.next_cursor ?? '');
  }
  if (values['json'] === true) print(JSON.stringify(found, null, 2));
  else if (found.length === 0) print(state === 'in_doubt' ? 'No effect is in doubt.' : 'No effects.');
  else for (const effect of found) print(effectLine(effect));
  if (found.length >= MOST_SHOWN) context.remark(`Only the latest ${found.length}; --run and --state show others.`);
  return EXIT.ok;
}

async function settle(context: VerbContext, id: string): Promise<number> {
  const settlement = settlementFrom(context.values);
  const effect = (await gatewayOf(context).post(`/effects/${encodeURIComponent(id)}/settle`, settlement)) as EffectRow;
  context.print(context.values['json'] === true ? JSON.stringify(effect) : effectLine(effect));
  return EXIT.ok;
}
