import { readFileSync, writeFileSync } from 'node:fs';
import { CloudEvent, fromCloudEvent, parseRunEvent, type RunEvent, TERMINAL_TYPE } from '@switchyard/contracts';
import { type Difference, replay as replayJournal, type Replay } from '@switchyard/run';
import { textOption } from '../command-line/arguments.ts';
import { EXIT, UserError } from '../terminal/user-error.ts';
import { gatewayOf, type VerbContext } from '../command-line/verb.ts';

const READ_LIMIT_MS = 60_000;
/** A run that is under way: what follows its newest event is not waited for longer than this. */
const QUIET_MS = 1_500;

/** The events in a file: a list, or an object that holds it as `events`; as the journal or the bus writes them. */
export function eventsIn(text: string): RunEvent[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new UserError('This file is no JSON.', EXIT.usage);
  }
  const list = Array.isArray(value) ? (value as unknown[]) : (value as { events?: unknown } | null)?.events;
  if (!Array.isArray(list)) throw new UserError('This file holds no list of events.', EXIT.usage);
  return list.map((item, index) => {
    const event = eventOf(item);
    if (!event) throw new UserError(`Event ${index + 1} of this file is none that this version can read.`, EXIT.usage);
    return event;
  });
}

/** Also a fact of a type that this version does not know has its place in the journal; the replay names it. */
function eventOf(item: unknown): RunEvent | undefined {
  const known = fromCloudEvent(item) ?? parseRunEvent(item);
  if (known) return known;
  const document = CloudEvent.safeParse(item);
  if (!document.success || document.data.seq === undefined) return undefined;
  const { runid = '', tenantid = '', stepid = null, seq, epoch = 0, time, type, data } = document.data;
  return { runId: runid, tenantId: tenantid, stepId: stepid, seq, epoch, ts: Date.parse(time), type, data } as RunEvent;
}

/** The result of the replay, in words. */
export function verdictLines({ runId, events, confirmed, ended, difference }: Replay): string[] {
  const run = `run ${runId || '?'}`;
  if (!difference) {
    const how = ended ? 'to its end' : 'as far as it has come';
    return [`${run}: the same. Today's code takes all ${confirmed} recorded events ${how}.`];
  }
  return [
    `${run}: differs at ${difference.seq} of ${events}; ${confirmed} before it are the same.`,
    `  ${difference.why}`,
    ...side('recorded', difference.recorded),
    ...side('today', difference.today),
  ];
}

const MAX_SHOWN = 600;

function side(name: string, fact: Difference['today']): string[] {
  if (!fact) return [`  ${name.padEnd(8)}  nothing`];
  const data = JSON.stringify(fact.data) ?? '';
  return [`  ${name.padEnd(8)}  ${fact.type} ${data.length <= MAX_SHOWN ? data : `${data.slice(0, MAX_SHOWN)}…`}`];
}

/** `replay <runId>`: whether the code of this clone takes the decisions that are in the journal of a run. */
export async function replay(context: VerbContext): Promise<number> {
  const [runId] = context.positionals;
  const file = textOption(context.values, 'file');
  if ((runId === undefined) === (file === undefined)) {
    throw new UserError('Which run? ./switchyard replay <runId>, or --file journal.json', EXIT.usage);
  }
  const events = file === undefined ? await journalOf(context, runId!) : eventsIn(readText(file));
  const save = textOption(context.values, 'save');
  if (save) {
    writeFileSync(save, `${JSON.stringify({ events }, null, 1)}\n`);
    context.remark(`${events.length} events written to ${save}`);
  }
  const result = replayJournal(events);
  if (context.values['json'] === true) context.print(JSON.stringify(result, null, 2));
  else for (const line of verdictLines(result)) context.print(line);
  return result.difference ? EXIT.failed : EXIT.ok;
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new UserError(`${file} cannot be read: ${(error as Error).message}`, EXIT.usage);
  }
}

/** Reads the journal from the gateway: to its end, or where the run is under way as far as there is something. */
async function journalOf(context: VerbContext, runId: string): Promise<RunEvent[]> {
  const stop = new AbortController();
  const events: RunEvent[] = [];
  const limit = setTimeout(() => stop.abort(), READ_LIMIT_MS);
  let quiet: NodeJS.Timeout | undefined;
  try {
    const onBreak = (why: string): void => context.remark(`  ! ${why}; connecting again`);
    for await (const { data } of gatewayOf(context).attach(runId, { dialect: 'raw', signal: stop.signal, onBreak })) {
      const event = eventOf(data);
      if (!event) continue;
      events.push(event);
      if (event.type === TERMINAL_TYPE) break;
      clearTimeout(quiet);
      quiet = setTimeout(() => stop.abort(), QUIET_MS);
    }
  } finally {
    clearTimeout(limit);
    clearTimeout(quiet);
  }
  return events;
}
