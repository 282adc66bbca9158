import { RUN_EVENTS } from '@switchyard/contracts';
import { textOption } from '../command-line/arguments.ts';
import { compact, eventLine, type StreamEvent } from '../terminal/event-line.ts';
import { globMatcher } from '../terminal/glob.ts';
import { EXIT, UserError } from '../terminal/user-error.ts';
import { gatewayOf, type VerbContext } from '../command-line/verb.ts';

const LIST_EVERY_MS = 1_000;
const MOST_FOLLOWED = 200;

interface RunRow {
  readonly id: string;
  readonly status: string;
  readonly task: string;
  readonly createdAt: string;
}

/** Rows from the answer of GET /runs, whose items carry snake_case or camelCase names. */
export function runRows(answer: unknown): RunRow[] {
  const body = answer as { runs?: unknown; items?: unknown } | unknown[];
  const items = Array.isArray(body) ? body : (body?.runs ?? body?.items ?? []);
  if (!Array.isArray(items)) return [];
  return (items as Record<string, unknown>[]).map((item) => {
    const created = item['created_at'] ?? item['createdAt'];
    return {
      id: compact(item['run_id'] ?? item['runId']),
      status: compact(item['status'] ?? item['phase']) || 'running',
      task: compact(item['task'], 80),
      createdAt: typeof created === 'number' ? new Date(created).toISOString().slice(0, 19) : compact(created),
    };
  });
}

/** `runs`: the latest runs of this person. */
export async function runs(context: VerbContext): Promise<number> {
  const answer = await gatewayOf(context).get('/runs');
  if (context.values['json'] === true) {
    context.print(JSON.stringify(answer, null, 2));
    return EXIT.ok;
  }
  const rows = runRows(answer);
  if (rows.length === 0) context.print('No runs yet.');
  for (const row of rows) context.print(`${row.id}  ${row.createdAt}  ${row.status.padEnd(9)}  ${row.task}`);
  return EXIT.ok;
}

/** `cancel <runId>`: asks a run to stop. Idempotent. */
export async function cancel(context: VerbContext): Promise<number> {
  const [runId] = context.positionals;
  if (!runId) throw new UserError('Which run? ./switchyard cancel <runId>', EXIT.usage);
  const answer = await gatewayOf(context).cancel(runId);
  context.print(`asked run ${runId} to stop: ${compact(answer)}`);
  return EXIT.ok;
}

/** Shows the events of one run to its end. */
async function followRun(context: VerbContext, runId: string, signal: AbortSignal, prefix = ''): Promise<void> {
  const glob = textOption(context.values, 'event');
  const matches = glob ? globMatcher(glob) : () => true;
  const onBreak = (why: string): void => context.remark(`  ! ${why}; connecting again`);
  const began = Date.now();
  const show = (event: StreamEvent): void => {
    if (!matches(event.name)) return;
    const line =
      context.values['json'] === true
        ? JSON.stringify({ id: event.id, event: event.name, data: event.data })
        : eventLine(event, Date.now() - began, context.paint);
    if (line !== undefined) context.print(`${prefix}${line}`);
  };
  for await (const event of gatewayOf(context).attach(runId, { view: 'all', signal, onBreak })) show(event);
}

/** Follows every run that is started from now on, and those that are under way. */
async function followNewRuns(context: VerbContext, signal: AbortSignal): Promise<void> {
  const gateway = gatewayOf(context);
  const seen = new Set<string>();
  const underWay = new Set<Promise<void>>();
  for (let first = true; !signal.aborted; first = false) {
    const rows = runRows(await gateway.get('/runs'));
    for (const row of rows.reverse()) {
      if (seen.has(row.id)) continue;
      seen.add(row.id);
      const ended = ['success', 'partial', 'failed', 'cancelled', 'ended'].includes(row.status);
      if ((first && ended) || underWay.size >= MOST_FOLLOWED) continue;
      const asJson = context.values['json'] === true;
      if (!asJson) context.print(context.paint('bold', `${row.id}  ${row.task}`));
      const following: Promise<void> = followRun(context, row.id, signal, asJson ? '' : `${row.id.slice(-6)} `)
        .catch((error: Error) => context.remark(`  ! ${row.id}: ${error.message}`))
        .finally(() => underWay.delete(following));
      underWay.add(following);
    }
    await new Promise((resolve) => setTimeout(resolve, LIST_EVERY_MS));
  }
}

/** The frames of a stream beside the events of its run. */
const FRAMES = [
  'response.created',
  'response.in_progress',
  'response.completed',
  'response.failed',
  'response',
  'error',
];

/** Why nothing of a run would ever be shown; undefined where something might. */
export function hopeless(glob: string | undefined): string | undefined {
  const names = RUN_EVENTS.map(({ type }) => type as string);
  if (glob === undefined || names.some(globMatcher(glob)) || FRAMES.some(globMatcher(glob))) return undefined;
  return `No event of a run is called "${glob}": names have three parts, as mcp.tool.execution; "mcp.>" is all that mcp tells.`;
}

/** `tail [runId]`: one run to its end, or every run until Ctrl-C. */
export async function tail(context: VerbContext): Promise<number> {
  const nothing = hopeless(textOption(context.values, 'event'));
  if (nothing !== undefined) context.remark(nothing);
  const leave = new AbortController();
  process.once('SIGINT', () => {
    leave.abort();
    setTimeout(() => process.exit(EXIT.ok), 1_500).unref();
  });
  const [runId] = context.positionals;
  if (runId) await followRun(context, runId, leave.signal);
  else await followNewRuns(context, leave.signal);
  return EXIT.ok;
}
