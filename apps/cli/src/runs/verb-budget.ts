import type { BudgetAnswer } from '@switchyard/contracts/http';
import { EXIT } from '../terminal/user-error.ts';
import { gatewayOf, type VerbContext } from '../command-line/verb.ts';

const shown = (amount: number, kind: keyof BudgetAnswer['user']) =>
  kind === 'usd' ? `$${Number(amount.toFixed(6))}` : String(amount);

/** One line per limit; an uncounted limit is shown as unlimited. */
function budgetLines({ day, resets_at, user, tenant }: BudgetAnswer): string[] {
  const lines = [`${day} (UTC), until ${new Date(resets_at).toISOString().slice(0, 16)}Z`];
  for (const [whose, scope] of [['you', user] as const, ...(tenant ? [['tenant', tenant] as const] : [])]) {
    for (const kind of ['tokens', 'usd'] as const) {
      const { limit, used, reserved, left } = scope[kind];
      const spent = used === null ? 'not counted' : `${shown(used, kind)} used`;
      const held = reserved ? `, ${shown(reserved, kind)} reserved` : '';
      const rest = limit === null ? 'no limit' : `${shown(left ?? 0, kind)} left of ${shown(limit, kind)}`;
      lines.push(`${whose.padEnd(7)} ${kind.padEnd(7)} ${spent}${held}, ${rest}`);
    }
  }
  return lines;
}

/** `budget`: what is used and left today. */
export async function budget(context: VerbContext): Promise<number> {
  const answer = (await gatewayOf(context).get('/budget')) as BudgetAnswer;
  if (context.values['json'] === true) context.print(JSON.stringify(answer, null, 2));
  else for (const line of budgetLines(answer)) context.print(line);
  return EXIT.ok;
}
