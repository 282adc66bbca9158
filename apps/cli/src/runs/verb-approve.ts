import { createInterface } from 'node:readline/promises';
import { textOption } from '../command-line/arguments.ts';
import { compact } from '../terminal/event-line.ts';
import type { ApprovalReply, GatewayClient } from '../command-line/gateway-client.ts';
import { EXIT, UserError } from '../terminal/user-error.ts';
import { gatewayOf, type VerbContext } from '../command-line/verb.ts';
import { runRows } from './verb-runs.ts';

/** A question of a run, as the gateway shows it. */
export interface Question {
  readonly approval_id: string;
  readonly kind: 'approval' | 'question' | 'budget';
  readonly question: string;
  readonly expires_at: number;
}

type Values = VerbContext['values'];

/** The answer to a question in the options of this call. Throws, with what to type, if they do not fit. */
export function replyFrom(values: Values, kind: Question['kind']): ApprovalReply {
  const text = textOption(values, 'text');
  const said = text === undefined ? {} : { text };
  if (values['deny'] === true) return { decision: 'deny', ...said };
  if (kind === 'question') {
    if (text === undefined)
      throw new UserError('This is a question: answer it with --text "..." or --deny.', EXIT.usage);
    return { decision: 'answer', text };
  }
  const limit = textOption(values, 'limit');
  if (limit !== undefined && !(Number(limit) > 0)) throw new UserError('--limit takes a number.', EXIT.usage);
  const given = limit === undefined ? argumentsFrom(values) : { limit: Number(limit) };
  return { decision: 'approve', ...(given ? { arguments: given } : {}), ...said };
}

function argumentsFrom(values: Values): Record<string, unknown> | undefined {
  const text = textOption(values, 'arguments');
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // Told below.
  }
  throw new UserError('--arguments takes a JSON object, e.g. \'{"name": "milk"}\'.', EXIT.usage);
}

/** The open questions of a run. */
export async function questionsOf(gateway: GatewayClient, runId: string): Promise<Question[]> {
  const run = (await gateway.get(`/runs/${encodeURIComponent(runId)}`)) as { approvals?: Question[] };
  return run.approvals ?? [];
}

export function questionLine(runId: string, { approval_id, question, expires_at }: Question, now: number): string {
  const minutes = Math.max(0, Math.round((expires_at - now) / 60_000));
  const left = minutes >= 120 ? `${Math.round(minutes / 60)} h` : `${minutes} min`;
  return `${runId}  ${approval_id}  ${compact(question)}  (open for ${left})`;
}

const MOST_LOOKED_AT = 50;

/** `approve` without ids: every question that waits for this person. */
async function list(context: VerbContext, gateway: GatewayClient): Promise<number> {
  const ended = new Set(['success', 'partial', 'failed', 'cancelled', 'ended']);
  const rows = runRows(await gateway.get('/runs')).filter((row) => !ended.has(row.status));
  const found: { run_id: string; question: Question }[] = [];
  for (const { id } of rows.slice(0, MOST_LOOKED_AT)) {
    for (const question of await questionsOf(gateway, id)) found.push({ run_id: id, question });
  }
  if (context.values['json'] === true) context.print(JSON.stringify(found, null, 2));
  else if (found.length === 0) context.print('No run waits for an answer.');
  else for (const { run_id, question } of found) context.print(questionLine(run_id, question, Date.now()));
  return EXIT.ok;
}

/** `approve [runId [approvalId]]`: answers a question. The first answer stands; the same one again is harmless. */
export async function approve(context: VerbContext): Promise<number> {
  const { values, positionals, print } = context;
  const [runId, wanted] = positionals;
  const gateway = gatewayOf(context);
  if (!runId) return list(context, gateway);
  const open = await questionsOf(gateway, runId);
  const question = wanted ? open.find(({ approval_id }) => approval_id === wanted) : open[0];
  if (!wanted && open.length > 1) {
    for (const each of open) print(questionLine(runId, each, Date.now()));
    throw new UserError(
      `This run asks ${open.length} questions. Which one? ./switchyard approve ${runId} <approvalId>`,
      EXIT.usage,
    );
  }
  if (!question && !wanted) throw new UserError(`Run ${runId} waits for no answer.`, EXIT.failed);
  const kind = question?.kind ?? (textOption(values, 'text') === undefined ? 'approval' : 'question');
  const answer = await gateway.decide(runId, question?.approval_id ?? wanted!, replyFrom(values, kind));
  if (values['json'] === true) print(JSON.stringify(answer));
  else print(`answered; ./switchyard tail ${runId} shows how it goes on`);
  return EXIT.ok;
}

/** Asks the person at this terminal. Undefined where the question was left open. */
export async function askHere(question: Question, signal: AbortSignal): Promise<ApprovalReply | undefined> {
  const prompt =
    question.kind === 'question'
      ? `\n${question.question}\nyour answer (empty: leave it open): `
      : `\n${question.question}\n[y]es, [n]o, anything else is told to the planner (empty: leave it open): `;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const said = (await terminal.question(prompt, { signal })).trim();
    if (said === '') return undefined;
    if (question.kind === 'question') return { decision: 'answer', text: said };
    if (/^y(es)?$/i.test(said)) return { decision: 'approve' };
    return /^no?$/i.test(said) ? { decision: 'deny' } : { decision: 'deny', text: said };
  } catch {
    return undefined; // aborted
  } finally {
    terminal.close();
  }
}
