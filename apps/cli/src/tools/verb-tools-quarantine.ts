import type { QuarantinedTool, UpstreamStatus } from '@switchyard/contracts';
import { textOption } from '../command-line/arguments.ts';
import { columns } from '../terminal/tool-lines.ts';
import { EXIT, UserError } from '../terminal/user-error.ts';
import { gatewayOf, type VerbContext } from '../command-line/verb.ts';

/** What is shown of a definition that waits for a person. */
export type Waiting = Pick<QuarantinedTool, 'upstream' | 'tool' | 'hash' | 'reasons' | 'diff'>;

type UpstreamRow = Pick<
  UpstreamStatus,
  'name' | 'transport' | 'trust' | 'available' | 'reason' | 'tools' | 'quarantined'
> &
  Partial<Pick<UpstreamStatus, 'state' | 'said' | 'authorisation' | 'confinement'>>;

const USAGE = './switchyard tools quarantine [list | show | approve | reject] [<upstream> <tool> [<hash>]] [--new]';
const MOST_SHOWN = 1_000;

export function waitingCells({ upstream, tool, hash, reasons }: Waiting): string[] {
  return [upstream, tool, hash.slice(0, 12), reasons.join('; ')];
}

export function upstreamCells(row: UpstreamRow): string[] {
  const waiting = row.quarantined === 0 ? '' : `, ${row.quarantined} not usable`;
  const isNew = row.state === 'starting';
  const state = row.available ? 'available' : `${isNew ? 'starting' : 'not available'}: ${row.reason ?? 'unknown'}`;
  return [row.name, row.transport, row.trust, `${row.tools} tools${waiting}`, state];
}

/** The last lines of an unavailable upstream's process. */
export function saidLines({ name, said = [] }: Pick<UpstreamRow, 'name' | 'said'>): string[] {
  return said.map((line) => `${name}: wrote: ${line}`);
}

export const KNOWN_AS: Readonly<Record<string, string>> = {
  named: 'the client of the file',
  document: 'the client of our document',
  registration: 'a client that registers itself',
  none: 'a client that must be registered by hand',
};

/** The issuer of its tokens and what to do; empty if it needs none. */
export function authorisationLines({ name, authorisation, available, reason }: UpstreamRow): string[] {
  if (!authorisation) return [];
  const { issuer, client, scopes, missing } = authorisation;
  const as = client === null ? '' : `, known as ${KNOWN_AS[client] ?? client}`;
  const of = scopes.length === 0 ? '' : `, scopes ${scopes.join(' ')}`;
  const link = /https?:\S+$/.exec(missing ?? '')?.[0];
  const told = !available && (reason === missing || (link !== undefined && reason?.includes(link) === true));
  return [
    issuer === null ? `${name}: who authorises it is not known` : `${name}: authorised by ${issuer}${as}${of}`,
    ...(missing === null || told ? [] : [`${name}: ${missing}`]),
  ];
}

const KEPT_APART: Readonly<Record<string, string>> = {
  sandbox: 'runs in a sandbox',
  account: 'runs under an account of its own, without a sandbox',
  limits: 'runs as the service itself, with limits alone',
  none: 'runs as the service itself, without limits',
};

/** How a process is kept apart, and what of it this machine does not have; nothing where it is no process. */
export function confinementLines({ name, confinement }: UpstreamRow): string[] {
  if (!confinement) return [];
  const { level, network, missing } = confinement;
  const how = `${KEPT_APART[level] ?? level}, ${network ? 'with' : 'without'} network`;
  return [`${name}: ${how}${missing === null ? '' : `: ${missing}`}`];
}

/**
 * The one definition that is meant. A hash is asked for where somebody decides: what is approved is what was looked at,
 * not what took its place since.
 */
export function chosen(all: readonly Waiting[], [upstream, tool, hash]: readonly string[], decides: boolean): Waiting {
  if (!upstream || !tool || (decides && (hash?.length ?? 0) < 8))
    throw new UserError(
      decides ? `Name the upstream, the tool and 8 digits or more of the hash that show tells. ${USAGE}` : USAGE,
      EXIT.usage,
    );
  const found = all.find((each) => each.upstream === upstream && each.tool === tool);
  if (!found) throw new UserError(`Nothing waits for ${upstream} ${tool}.`, EXIT.failed);
  if (hash !== undefined && !found.hash.startsWith(hash))
    throw new UserError(
      `Another definition waits for ${tool} by now. Look again: show ${upstream} ${tool}`,
      EXIT.failed,
    );
  return found;
}

/** `tools quarantine`: what waits, its difference, and the word of an admin. */
export async function quarantine(context: VerbContext): Promise<number> {
  const { positionals, print } = context;
  const [act = 'list', ...workspace] = positionals;
  if (!['list', 'show', 'approve', 'reject'].includes(act)) throw new UserError(`Usage: ${USAGE}`, EXIT.usage);
  const gateway = asAdmin(context);
  const all = await waiting(gateway);
  const json = context.values['json'] === true;
  if (act === 'list') {
    if (json) print(JSON.stringify(all, null, 2));
    else if (all.length === 0) print('Nothing waits.');
    else for (const line of columns(all.map(waitingCells))) print(line);
    return EXIT.ok;
  }
  if (context.values['new'] === true) {
    if (act !== 'approve' || workspace[0] === undefined || workspace.length > 1)
      throw new UserError('--new goes with: ./switchyard tools quarantine approve <upstream> --new', EXIT.usage);
    return approveNew(context, gateway, all, workspace[0]);
  }
  const found = chosen(all, workspace, act !== 'show');
  if (act === 'show') {
    if (json) print(JSON.stringify(found, null, 2));
    else
      for (const line of [`hash ${found.hash}`, ...found.reasons.map((why) => `! ${why}`), ...found.diff]) print(line);
    return EXIT.ok;
  }
  const { upstream, tool, hash } = found;
  const decided = await gateway.post('/tools/quarantine', { upstream, tool, hash, verdict: act });
  print(json ? JSON.stringify(decided) : `${upstream} ${tool}: ${act === 'approve' ? 'approved' : 'rejected'}.`);
  return EXIT.ok;
}

/** The new definitions of one upstream without any other finding. */
export function onlyNew(all: readonly Waiting[], upstream: string): Waiting[] {
  return all.filter((each) => each.upstream === upstream && each.reasons.every((why) => why === 'new'));
}

/** Each by its hash: what took the place of one meanwhile goes on waiting. */
async function approveNew(
  { print, remark }: VerbContext,
  gateway: Gateway,
  all: readonly Waiting[],
  upstream: string,
): Promise<number> {
  const found = onlyNew(all, upstream);
  for (const { tool, hash } of found) {
    await gateway.post('/tools/quarantine', { upstream, tool, hash, verdict: 'approve' });
    print(`${upstream} ${tool}: approved.`);
  }
  const left = all.filter((each) => each.upstream === upstream).length - found.length;
  if (found.length === 0) remark(`Nothing of ${upstream} is merely new.`);
  if (left > 0) remark(`${left} of ${upstream} need a look of their own: ./switchyard tools quarantine`);
  return EXIT.ok;
}

/** `tools upstreams`: the MCP servers behind us and how they are doing. */
export async function upstreams(context: VerbContext): Promise<number> {
  const answer = (await asAdmin(context).get('/tools/upstreams')) as { upstreams: UpstreamRow[] };
  if (context.values['json'] === true) context.print(JSON.stringify(answer.upstreams, null, 2));
  else if (answer.upstreams.length === 0) context.print('There are none; MCP_UPSTREAMS names the file with them.');
  else {
    for (const line of columns(answer.upstreams.map(upstreamCells))) context.print(line);
    for (const line of answer.upstreams.flatMap(saidLines)) context.print(line);
    for (const line of answer.upstreams.flatMap(authorisationLines)) context.print(line);
    for (const line of answer.upstreams.flatMap(confinementLines)) context.print(line);
  }
  return EXIT.ok;
}

type Gateway = ReturnType<typeof gatewayOf>;

function asAdmin(context: VerbContext): Gateway {
  const role = textOption(context.values, 'role') ?? 'admin';
  return gatewayOf({ ...context, values: { ...context.values, role } });
}

async function waiting(gateway: Gateway): Promise<Waiting[]> {
  const found: Waiting[] = [];
  const query = new URLSearchParams({ limit: '100' });
  for (let more = true; more && found.length < MOST_SHOWN;) {
    const page = (await gateway.get(`/tools/quarantine?${query}`)) as { tools: Waiting[]; next_cursor: string | null };
    found.push(...page.tools);
    more = page.next_cursor !== null;
    query.set('cursor', page.next_cursor ?? '');
  }
  return found;
}
