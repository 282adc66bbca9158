import { setTimeout as sleep } from 'node:timers/promises';
import { type Bus, connectBus } from '@switchyard/bus';
import { listAgents, OPERATOR_USER_PREFIX, type SystemEvent, type SystemFact, xmppStatus } from '@switchyard/contracts';
import { busAccess, loadBusKeys } from '@switchyard/local-servers';
import { createLogger } from '@switchyard/platform';
import { ulid } from 'ulid';
import { eventText, type StreamEvent } from '../terminal/event-line.ts';
import { followFile } from '../terminal/follow-file.ts';
import { passwordsOf, privateServer } from '../environment/logins.ts';
import { readStatus, runningSupervisor } from '../environment/process-files.ts';
import { listeningLines, startSecondOrganisation, type SecondOrganisation } from './second-organisation.ts';
import { ensureStack, stopStack } from '../stack/index.ts';
import { columnLine, columnWidth, type End, titleLine } from '../terminal/two-columns.ts';
import { EXIT, UserError } from '../terminal/user-error.ts';
import { gatewayOf, progressListener, stackEnvironment, type VerbContext } from '../command-line/verb.ts';
import { xmppAccounts } from '../environment/xmpp-accounts.ts';
import { OWN_JID, PARTNER_HOST } from '../environment/xmpp-login.ts';

/*
 * `demo federation`: a task of this stack is done by the agent of another organisation, over XMPP alone.
 *  - Whatever ends the demo, it stops the processes that it started, unless the caller gave --keep.
 *  - The demo succeeds only when the task succeeded and the request really went over XMPP.
 */

const DEFAULT_TASK = 'Ask the partner agent to uppercase hello from the other side';
const FIND_LIMIT_MS = 30_000;
const LAST_FACTS_MS = 3_000;
const LOG_EVERY_MS = 50;
const AGENT_ID = 'partner_agent';

type Carried = Extract<SystemFact, { type: 'xmpp.request.carried' }>['data'];

interface Outcome {
  readonly runId: string;
  status?: string;
  answer?: string;
  error?: string;
}

export async function demo(context: VerbContext): Promise<number> {
  const [name, ...words] = context.positionals;
  if (name !== 'federation')
    throw new UserError(
      `There is no demo "${name ?? ''}". Known: federation. See ./switchyard demo --help.`,
      EXIT.usage,
    );
  const leave = new AbortController();
  const interrupt = (): void => {
    if (leave.signal.aborted) process.exit(EXIT.cancelled);
    context.remark('\nstopping what the demo started ...');
    leave.abort();
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, interrupt);
  try {
    return await federation(context, words.join(' ').trim() || DEFAULT_TASK, leave.signal);
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.removeListener(signal, interrupt);
  }
}

async function federation(context: VerbContext, task: string, leave: AbortSignal): Promise<number> {
  const { workspace, environment, values, remark } = context;
  const keep = values['keep'] === true;
  const ranBefore = runningSupervisor(workspace) !== undefined;
  const stack = await ensureStack(workspace, stackEnvironment(context), progressListener(context));
  let there: SecondOrganisation | undefined;
  let here: Bus | undefined;
  let watcher: Bus | undefined;
  let shown: BothEnds | undefined;
  try {
    if (leave.aborted) return EXIT.cancelled;
    const running = readStatus(workspace).processes;
    const urlOf = (process: string): string | undefined => running.find((each) => each.name === process)?.url;
    const serverUrl = urlOf('prosody');
    if (serverUrl === undefined) throw ownAccounts();
    const passwords = passwordsOf(workspace);
    const nats = privateServer(workspace, 'nats', urlOf('nats') ?? '');
    const keys = await loadBusKeys(passwords);
    here = await connectBus({ ...busAccess('operator', nats, keys, PERSON), log: silent() });
    watcher = await connectBus({ ...busAccess('watcher', nats, keys, PERSON), log: silent() });
    await ensureQuickStart(here);
    remark('  starting the second organisation: a NATS server, a bridge and an agent of its own');
    there = await startSecondOrganisation(workspace, environment, {
      accounts: await xmppAccounts(workspace),
      serverUrl,
    });
    shown = await showBothEnds(context, watcher, there);
    await untilFound(here, leave);
    if (leave.aborted) return EXIT.cancelled;
    const outcome = await runAcross(context, task, stack.gatewayUrl, shown, leave);
    if (leave.aborted) return EXIT.cancelled;
    return summarise(context, outcome, shown.carried, there);
  } finally {
    await shown?.close();
    await Promise.all([here?.close(), watcher?.close()]);
    if (keep && there && !leave.aborted) {
      await there.leave();
      remark('Both sides go on. ./switchyard down stops them.');
    } else {
      await there?.stop();
      if (!ranBefore) await stopStack(workspace);
      remark(!ranBefore ? 'Both sides are stopped.' : 'The second organisation is stopped; the stack goes on.');
    }
  }
}

/** As whom this command asks on the bus. */
const PERSON = 'demo';
const ASKING = {
  tenantId: 'default',
  userId: `${OPERATOR_USER_PREFIX}${PERSON}`,
  role: 'user',
  via: 'operator',
} as const;

const silent = () => createLogger({ app: 'demo', level: 'silent' });

function ownAccounts(): UserError {
  return new UserError(
    'The demo needs the XMPP accounts of the quick start. Start it without AZTM_*, SERVICE_MAP, A2A_AGENTS and XMPP_URL: ./switchyard down, then ./switchyard demo federation',
    EXIT.unavailable,
  );
}

/** Throws where the running stack was started with accounts or agents of the person's. */
async function ensureQuickStart(here: Bus): Promise<void> {
  let sentence = 'The bridge of this stack does not answer.';
  for (const deadline = Date.now() + FIND_LIMIT_MS; Date.now() < deadline; await sleep(100)) {
    const status = await here.request(xmppStatus, {}, { timeoutMs: 1_000 }).catch(() => undefined);
    if (status && (status.jid !== OWN_JID || !status.mappedHosts.some((host) => host.startsWith(PARTNER_HOST))))
      throw ownAccounts();
    if (status?.state === 'online') return;
    sentence = status?.sentence ?? sentence;
  }
  throw new UserError(sentence, EXIT.unavailable);
}

/** Waits until this stack knows the other one's agent. */
async function untilFound(here: Bus, leave: AbortSignal): Promise<void> {
  for (const deadline = Date.now() + FIND_LIMIT_MS; Date.now() < deadline && !leave.aborted; await sleep(100)) {
    const known = await here.request(listAgents, { principal: ASKING, fresh: true }).catch(() => undefined);
    if (!known) continue;
    if (known.agents.some(({ id, reachable }) => id === AGENT_ID && reachable)) return;
    // The person's own list of agents has no partner in it.
    if (!known.agents.some(({ id }) => id.startsWith('partner'))) throw ownAccounts();
  }
  if (!leave.aborted)
    throw new UserError(
      `The agent at http://${PARTNER_HOST} did not answer over XMPP within ${FIND_LIMIT_MS / 1_000} s.`,
    );
}

interface BothEnds {
  /** The facts of this stack's bridge about its requests. */
  readonly carried: Carried[];
  show(end: End, text: string | undefined, tone?: 'plain' | 'dim' | 'plan'): void;
  close(): Promise<void>;
}

/** Shows what both ends say from now on, side by side. */
async function showBothEnds(context: VerbContext, watcher: Bus, there: SecondOrganisation): Promise<BothEnds> {
  const { values, print, paint } = context;
  const carried: Carried[] = [];
  const width = columnWidth(process.stdout.columns);
  const asJson = values['json'] === true;
  const began = Date.now();
  const show: BothEnds['show'] = (end, text, tone = 'plain') => {
    if (text && !asJson) print(columnLine(end, text, Date.now() - began, width, paint, tone));
  };
  if (!asJson) print(titleLine(`here: ${OWN_JID}`, `there: ${there.jid}`, width, paint));
  const hear = (end: End) => (event: SystemEvent) => {
    if (end === 'here' && event.type === 'xmpp.request.carried' && event.data.direction === 'out')
      carried.push(event.data);
    show(end, systemText(event), 'plan');
  };
  const hearing = await Promise.all([
    watcher.subscribeSystem(hear('here')),
    there.watcher.subscribeSystem(hear('there')),
  ]);
  const unfollow = followFile(there.agentLog, (line) => show('there', agentText(line)), undefined, LOG_EVERY_MS);
  return {
    carried,
    show,
    close: async () => {
      unfollow();
      await Promise.all(hearing.map((each) => each.stop()));
    },
  };
}

/** Runs the task and shows its events; a demo that is left asks the run to stop. */
async function runAcross(
  context: VerbContext,
  task: string,
  gatewayUrl: string,
  { carried, show }: BothEnds,
  leave: AbortSignal,
): Promise<Outcome> {
  const outcome: Outcome = { runId: ulid() };
  const gateway = gatewayOf(context, gatewayUrl);
  try {
    const request = { task, run_id: outcome.runId };
    for await (const event of gateway.run(request, { view: 'all', signal: leave, onBreak: () => undefined })) {
      learn(outcome, event);
      const text = eventText(event);
      if (text) show('here', `${event.name.replace(/^orchestrator\./, '')}  ${text}`);
    }
    // The last facts may still be on their way.
    for (const deadline = Date.now() + LAST_FACTS_MS; !crossed(carried) && Date.now() < deadline;) await sleep(50);
  } catch (error) {
    if (!leave.aborted) throw error;
  }
  if (leave.aborted) await gateway.cancel(outcome.runId).catch(() => undefined);
  return outcome;
}

function learn(outcome: Outcome, { name, data }: StreamEvent): void {
  const { status, answer, error } = (data ?? {}) as { status?: unknown; answer?: unknown; error?: unknown };
  if (name === 'orchestrator.task.completed' && typeof status === 'string') outcome.status = status;
  if (name === 'response' && typeof answer === 'string') outcome.answer = answer;
  if ((name === 'response.failed' || name === 'error') && typeof error === 'string') outcome.error = error;
}

/** Whether the call itself went over XMPP; fetching the agent card does not count. */
function crossed(carried: readonly Carried[]): boolean {
  return carried.some(({ method, status }) => method === 'POST' && status === 200);
}

function systemText({ type, data }: SystemEvent): string | undefined {
  if (type === 'xmpp.request.carried') {
    const { direction, method, path, duration_ms: ms, response_bytes: bytes } = data;
    const what = `${data.status ?? data.error_code} ${method} ${path}, ${ms} ms, ${bytes} bytes back`;
    return direction === 'out' ? `XMPP -> ${data.to}: ${what}` : `XMPP <- ${data.from}: ${what}`;
  }
  if (type === 'xmpp.peer.denied') return `XMPP denied ${data.jid}: ${data.method} ${data.path} (${data.reason})`;
  return type === 'xmpp.login.changed' ? data.sentence : undefined;
}

/** A line of the agent's log that says whom it answered. */
function agentText(line: string): string | undefined {
  try {
    const { from, method, resource } = JSON.parse(line) as Record<string, unknown>;
    return typeof from === 'string' ? `the agent is asked ${String(method)} ${String(resource)} by ${from}` : undefined;
  } catch {
    return undefined;
  }
}

function summarise(context: VerbContext, outcome: Outcome, carried: Carried[], there: SecondOrganisation): number {
  const { values, print, remark } = context;
  const ok = outcome.status === 'success' && crossed(carried);
  const listening = listeningLines(there.processes);
  if (values['json'] === true) {
    print(JSON.stringify({ ok, ...outcome, carried, listening }, null, 2));
    return ok ? EXIT.ok : EXIT.failed;
  }
  print('');
  if (outcome.answer !== undefined) print(outcome.answer);
  else print(`The run ended without an answer: ${outcome.error ?? outcome.status ?? 'it was not heard of again'}`);
  const bytes = carried.reduce((sum, each) => sum + each.request_bytes + each.response_bytes, 0);
  const count = carried.length === 1 ? 'One request' : `${carried.length} requests`;
  remark('');
  remark(`${count} went from ${OWN_JID} to ${there.jid} over XMPP, ${bytes} bytes of bodies in all.`);
  remark('The far side has no address that anybody could call over HTTP:');
  for (const line of listening) remark(`  ${line}`);
  if (!crossed(carried)) remark('The task did not go over XMPP.');
  remark(`Run ${outcome.runId}; who asked whom is in the audit log as xmpp.request.carried.`);
  return ok ? EXIT.ok : EXIT.failed;
}
