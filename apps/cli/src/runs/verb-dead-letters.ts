import { textOption } from '../command-line/arguments.ts';
import { compact } from '../terminal/event-line.ts';
import { EXIT, UserError } from '../terminal/user-error.ts';
import { gatewayOf, type VerbContext } from '../command-line/verb.ts';

const USAGE = './switchyard dead-letters [requeue <runId>]';

interface Letter {
  readonly run_id: string;
  readonly task: string;
  readonly reason: string;
  readonly error: string | null;
  readonly attempts: number;
  readonly at: number;
  readonly requeued_as: string | null;
}

/** One line per run that was given up. */
function letterLine({ run_id, task, reason, error, attempts, at, requeued_as }: Letter): string {
  const when = new Date(at).toISOString().slice(0, 19);
  const what = requeued_as === null ? `${reason}, ${attempts} attempts` : `requeued as ${requeued_as}`;
  const why = error === null || requeued_as !== null ? '' : `: ${compact(error, 100)}`;
  return `${run_id}  ${when}  ${what}${why}  ${compact(task, 60)}`;
}

/** `dead-letters`: the runs that were given up; `dead-letters requeue <runId>`: starts one once more. For admins. */
export async function deadLetters(context: VerbContext): Promise<number> {
  const [act, runId, ...rest] = context.positionals;
  const role = textOption(context.values, 'role') ?? 'admin';
  const gateway = gatewayOf({ ...context, values: { ...context.values, role } });
  if (act === undefined) {
    const answer = (await gateway.get('/dead-letters')) as { dead_letters: Letter[]; next_cursor: string | null };
    if (context.values['json'] === true) context.print(JSON.stringify(answer, null, 2));
    else if (answer.dead_letters.length === 0) context.print('No run was given up.');
    else for (const letter of answer.dead_letters) context.print(letterLine(letter));
    if (answer.next_cursor !== null) context.remark('There are more; GET /dead-letters?cursor= goes on.');
    return EXIT.ok;
  }
  if (act !== 'requeue' || runId === undefined || rest.length > 0) throw new UserError(`Usage: ${USAGE}`, EXIT.usage);
  const answer = (await gateway.post(`/dead-letters/${encodeURIComponent(runId)}/requeue`, {})) as {
    requeued_as: string;
    created: boolean;
  };
  if (context.values['json'] === true) context.print(JSON.stringify(answer, null, 2));
  else {
    const already = answer.created ? '' : ' already';
    context.print(
      `run ${runId} was requeued${already} as ${answer.requeued_as}; ./switchyard tail ${answer.requeued_as}`,
    );
  }
  return EXIT.ok;
}
