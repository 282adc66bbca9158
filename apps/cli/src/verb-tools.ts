import { readFile } from 'node:fs/promises';
import { textOption } from './arguments.ts';
import { compact } from './event-line.ts';
import { EXIT, UserError } from './user-error.ts';
import { gatewayOf, type VerbContext } from './verb.ts';
import { quarantine, upstreams } from './verb-tools-quarantine.ts';

/** A tool, as the gateway shows it. */
export interface ToolRow {
  readonly name: string;
  readonly provider: string;
  readonly kind: string;
  readonly source?: string;
  readonly description: string;
  readonly requires_approval: boolean;
}

/** Whether somebody sees a tool, and why not. */
export interface VerdictRow {
  readonly tool: string;
  readonly provider: string;
  readonly visible: boolean;
  readonly rule: string | null;
  readonly because: string | null;
}

const USAGE =
  'What to do? ./switchyard tools [list], tools show|call|explain|remove <name>, or tools test|add <file.json>, tools quarantine, tools upstreams';
const PAGE = 500;
const MOST_SHOWN = 10_000;

export function toolLine({ name, provider, kind, description, requires_approval }: ToolRow): string {
  const marks = requires_approval ? `${kind}, needs an approval` : kind;
  return `${name.padEnd(32)}  ${provider.padEnd(12)}  ${marks.padEnd(11)}  ${compact(description)}`;
}

export function verdictLine({ tool, provider, visible, rule, because }: VerdictRow): string {
  const why = visible ? 'visible' : `hidden by ${rule ?? 'a rule'}: ${because ?? ''}`;
  return `${tool.padEnd(32)}  ${provider.padEnd(12)}  ${why}`;
}

/** `user:u1` or `u1`: whose view. Throws, with what to type, where it is neither. */
export function viewerFrom(text: string | undefined): { user?: string; role?: string } {
  if (text === undefined) return {};
  const match = /^(?:(user|admin|auditor):)?([A-Za-z0-9_-]{1,64})$/.exec(text);
  if (!match)
    throw new UserError('Say --as role:userId, e.g. --as user:u1; the roles: user, admin, auditor.', EXIT.usage);
  return { user: match[2]!, role: match[1] ?? 'user' };
}

/** `tools`: what there is, for whom and why; a call by hand; tools of the tenant. */
export async function tools(context: VerbContext): Promise<number> {
  const [word = 'list', what] = context.positionals;
  const rest = { ...context, positionals: context.positionals.slice(1) };
  if (word === 'quarantine') return quarantine(rest);
  if (word === 'upstreams') return upstreams(rest);
  const explains = context.values['explain'] === true || context.values['as'] !== undefined;
  if (word === 'list') return explains ? explain(context, undefined) : list(context);
  if (what === undefined) throw new UserError(USAGE, EXIT.usage);
  switch (word) {
    case 'show':
      return explains ? explain(context, what) : show(context, what);
    case 'explain':
      return explain(context, what);
    case 'call':
      return call(context, what);
    case 'test':
      return register(context, what, true);
    case 'add':
      return register(context, what, false);
    case 'remove':
      await gatewayOf(asAdmin(context)).remove(`/tools/${encodeURIComponent(what)}`);
      context.print(`${what} is removed.`);
      return EXIT.ok;
    default:
      throw new UserError(USAGE, EXIT.usage);
  }
}

/** What only admins may: in development the role is a matter of asking for it. */
function asAdmin(context: VerbContext): VerbContext {
  return { ...context, values: { role: 'admin', ...context.values } };
}

function namesIn({ values }: VerbContext): Record<string, string> {
  const [only, providers] = [textOption(values, 'tools'), textOption(values, 'providers')];
  return { ...(only === undefined ? {} : { tools: only }), ...(providers === undefined ? {} : { providers }) };
}

async function pages<T>(context: VerbContext, path: string, key: string, query: Record<string, string>): Promise<T[]> {
  const gateway = gatewayOf(context);
  const asked = new URLSearchParams({ limit: String(PAGE), ...query });
  const found: T[] = [];
  for (let more = true; more && found.length < MOST_SHOWN;) {
    const page = (await gateway.get(`${path}?${asked}`)) as Record<string, T[]> & { next_cursor: string | null };
    found.push(...page[key]!);
    more = page.next_cursor !== null;
    asked.set('cursor', page.next_cursor ?? '');
  }
  return found;
}

async function list(context: VerbContext): Promise<number> {
  const { values, print } = context;
  const found = await pages<ToolRow>(context, '/tools', 'tools', namesIn(context));
  if (values['json'] === true) print(JSON.stringify(found, null, 2));
  else if (found.length === 0) print('No tools.');
  else for (const tool of found) print(toolLine(tool));
  return EXIT.ok;
}

async function show(context: VerbContext, name: string): Promise<number> {
  const tool = (await gatewayOf(context).get(`/tools/${encodeURIComponent(name)}`)) as ToolRow;
  if (context.values['json'] !== true) context.print(toolLine(tool));
  context.print(JSON.stringify(tool, null, 2));
  return EXIT.ok;
}

async function explain(context: VerbContext, name: string | undefined): Promise<number> {
  const { values, print } = context;
  const viewer = viewerFrom(textOption(values, 'as'));
  const query = { ...namesIn(context), ...viewer, ...(name === undefined ? {} : { tool: name }) };
  const found = await pages<VerdictRow>(asAdmin(context), '/tool-rules', 'verdicts', query);
  const shown = values['explain'] === true || name !== undefined ? found : found.filter(({ visible }) => visible);
  if (values['json'] === true) print(JSON.stringify(shown, null, 2));
  else for (const verdict of shown) print(verdictLine(verdict));
  return EXIT.ok;
}

async function call(context: VerbContext, name: string): Promise<number> {
  const { values, print } = context;
  const body = { arguments: objectFrom(textOption(values, 'arguments') ?? '{}', '--arguments') };
  const result = (await gatewayOf(context).post(`/tools/${encodeURIComponent(name)}/call`, body)) as {
    status: string;
    output?: unknown;
    message?: string;
    code?: string;
  };
  if (values['json'] === true) print(JSON.stringify(result));
  else if (result.status === 'succeeded') print(JSON.stringify(result.output, null, 2));
  else context.remark(`${result.status}: ${result.message ?? ''} (${result.code ?? ''})`);
  return result.status === 'succeeded' ? EXIT.ok : EXIT.failed;
}

/** Registers each tool of a file for the tenant, or only says what is wrong with it. */
async function register(context: VerbContext, file: string, dryRun: boolean): Promise<number> {
  const text = await readFile(file, 'utf8').catch(() => {
    throw new UserError(`${file} cannot be read.`, EXIT.usage);
  });
  const gateway = gatewayOf(asAdmin(context));
  const { tools: many, ...shared } = objectFrom(text, file);
  for (const entry of Array.isArray(many) ? (many as object[]) : [{}]) {
    const answer = (await gateway.post(`/tools?dry_run=${dryRun}`, { ...shared, ...entry })) as {
      tool: ToolRow;
      replaced: boolean;
    };
    const done = dryRun ? 'is valid' : answer.replaced ? 'is replaced' : 'is registered';
    context.print(context.values['json'] === true ? JSON.stringify(answer) : `${answer.tool.name} ${done}.`);
  }
  return EXIT.ok;
}

function objectFrom(text: string, where: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new UserError(`${where} is not valid JSON: ${(error as Error).message}`, EXIT.usage);
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new UserError(`${where} must be a JSON object.`, EXIT.usage);
}
