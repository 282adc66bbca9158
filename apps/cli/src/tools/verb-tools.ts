import { suggestion } from '../../verbs.mjs';
import { textOption } from '../command-line/arguments.ts';
import type { Identity } from '../command-line/gateway-client.ts';
import { toolLines, toolPage, type ToolRow, verdictLines, type VerdictRow } from '../terminal/tool-lines.ts';
import { EXIT, UserError } from '../terminal/user-error.ts';
import { gatewayOf, identityOf, type VerbContext } from '../command-line/verb.ts';
import { addFile, testFile } from './verb-tools-file.ts';
import { quarantine, upstreams } from './verb-tools-quarantine.ts';
import { addUrl, isUrl } from './verb-tools-url.ts';

const TOOL_WORDS = ['list', 'show', 'call', 'explain', 'test', 'add', 'remove', 'quarantine', 'upstreams'] as const;
const PAGE = 500;
const MOST_SHOWN = 10_000;
/** Longer than the longest call of a tool. */
const CALL_LIMIT_MS = 130_000;

/**
 * Whose view: `user:u1` or `u1`, else that of whoever asks, as it is without being made an admin to ask. Throws, with what
 * to type, where it is neither.
 */
export function viewerFrom(text: string | undefined, own: Identity): { user: string; role: string } {
  if (text === undefined) return { user: own.user, role: own.role ?? 'user' };
  const match = /^(?:(user|admin|auditor):)?([A-Za-z0-9_-]{1,64})$/.exec(text);
  if (!match)
    throw new UserError('Say --as role:userId, e.g. --as user:u1; the roles: user, admin, auditor.', EXIT.usage);
  return { user: match[2]!, role: match[1] ?? 'user' };
}

/** `tools`: what there is, for whom and why; a call by hand; tools of the tenant. */
export async function tools(context: VerbContext): Promise<number> {
  const [word = 'list', what, ...more] = context.positionals;
  if (word === 'quarantine') return quarantine({ ...context, positionals: context.positionals.slice(1) });
  const takesNone = word === 'list' || word === 'upstreams';
  const surplus = takesNone ? what : more[word === 'call' ? 1 : 0];
  if (surplus !== undefined) throw usage(`"${surplus}" is too much after tools ${word}.`);
  const explains = context.values['explain'] === true || context.values['as'] !== undefined;
  switch (word) {
    case 'list':
      return explains ? explain(context, undefined) : list(context);
    case 'upstreams':
      return upstreams(context);
    case 'explain':
      return explain({ ...context, values: { ...context.values, explain: true } }, what);
    case 'show':
      return explains ? explain(context, named(what, word)) : show(context, named(what, word));
    case 'call':
      return call(context, named(what, word), more[0]);
    case 'test':
      return testFile(asAdmin(context), named(what, word, 'the file'));
    case 'add':
      return isUrl(what ?? '')
        ? addUrl(asAdmin(context), what!)
        : addFile(asAdmin(context), named(what, word, 'the file'));
    case 'remove':
      await gatewayOf(asAdmin(context)).remove(`/tools/${encodeURIComponent(named(what, word))}`);
      context.print(`${what} is removed.`);
      return EXIT.ok;
    default: {
      const meant = suggestion(word, TOOL_WORDS);
      throw usage(`There is no tools ${word}.${meant === undefined ? '' : ` Did you mean "tools ${meant}"?`}`);
    }
  }
}

function named(what: string | undefined, word: string, kind = 'the tool'): string {
  if (what === undefined)
    throw usage(`Name ${kind}: ./switchyard tools ${word} ${kind === 'the file' ? '<file.yaml>' : '<name>'}.`);
  return what;
}

function usage(message: string): UserError {
  return new UserError(`${message} See ./switchyard tools --help.`, EXIT.usage);
}

/** For requests that only admins may make: in development the command takes the role itself. */
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
  else for (const line of toolLines(found)) print(line);
  return EXIT.ok;
}

async function show(context: VerbContext, name: string): Promise<number> {
  const tool = (await gatewayOf(context).get(`/tools/${encodeURIComponent(name)}`)) as ToolRow;
  if (context.values['json'] === true) context.print(JSON.stringify(tool, null, 2));
  else for (const line of toolPage(tool)) context.print(line);
  return EXIT.ok;
}

async function explain(context: VerbContext, name: string | undefined): Promise<number> {
  const { values, print } = context;
  const viewer = viewerFrom(textOption(values, 'as'), identityOf(context));
  const agents = textOption(values, 'agents');
  const query = {
    ...namesIn(context),
    ...(agents === undefined ? {} : { agents }),
    ...viewer,
    ...(name === undefined ? {} : { tool: name }),
  };
  const found = await pages<VerdictRow>(asAdmin(context), '/tool-rules', 'verdicts', query);
  const shown = values['explain'] === true || name !== undefined ? found : found.filter(({ visible }) => visible);
  if (values['json'] === true) print(JSON.stringify(shown, null, 2));
  else if (shown.length === 0) print('No tools.');
  else for (const line of verdictLines(shown)) print(line);
  return EXIT.ok;
}

async function call(context: VerbContext, name: string, given: string | undefined): Promise<number> {
  const { values, print } = context;
  const option = textOption(values, 'arguments');
  if (option !== undefined && given !== undefined) throw usage('The arguments stand there twice.');
  const where = given === undefined ? '--arguments' : 'What stands after the name';
  const body = { arguments: objectFrom(given ?? option ?? '{}', where) };
  const result = (await gatewayOf(context).post(`/tools/${encodeURIComponent(name)}/call`, body, CALL_LIMIT_MS)) as {
    status: string;
    output?: unknown;
    message?: string;
    code?: string;
  };
  if (values['json'] === true) print(JSON.stringify(result));
  else if (result.status === 'succeeded') print(asText(result.output));
  else context.remark(`${result.status}: ${result.message ?? ''} (${result.code ?? ''})`);
  return result.status === 'succeeded' ? EXIT.ok : EXIT.failed;
}

/** Text as it is, values as JSON. */
function asText(output: unknown): string {
  return typeof output === 'string' ? output : JSON.stringify(output ?? null, null, 2);
}

function objectFrom(text: string, where: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const hint = `Give the arguments as JSON, e.g. --arguments '{"city":"Oslo"}'`;
    throw new UserError(`${where} is not valid JSON: ${(error as Error).message}. ${hint}`, EXIT.usage);
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new UserError(`${where} must be a JSON object.`, EXIT.usage);
}
