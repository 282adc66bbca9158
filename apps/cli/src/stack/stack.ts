import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Environment } from '../environment/environment.ts';
import { logFile, type Workspace, writeJson } from '../environment/workspace.ts';
import { portOwner } from '../environment/port-owner.ts';
import { isRunning, readPids, runningSupervisor, type SupervisorFile } from '../environment/process-files.ts';
import { refuseOpenIdentity } from '../environment/identity-rule.ts';
import { namedVariables } from '../environment/named-variables.ts';
import {
  changedSettings,
  gatewayAddress,
  settingsOf,
  unmentionedSettings,
  withReaders,
} from '../environment/settings.ts';
import { settingsKey } from '../environment/settings-key.ts';
import { closeState } from '../environment/closed-state.ts';
import { currentBuild } from '../environment/build-stamp.ts';
import { notReadyOf } from './not-ready.ts';
import type { SupervisorMessage } from './supervisor-main.ts';
import { EXIT, UserError } from '../terminal/user-error.ts';

const START_LIMIT_MS = 300_000;
const STOP_LIMIT_MS = 60_000;

/** The callbacks of a starting stack. */
export interface StackListener {
  onProgress(name: string, text: string, ms?: number): void;
  /** A step of the start. */
  onStep(line: string): void;
  onNotice(line: string): void;
}

export interface Stack {
  readonly gatewayUrl: string;
  readonly model: string;
  /** False where it ran already. */
  readonly started: boolean;
  /** The services that are not ready, each with its reason. */
  readonly notReady: readonly string[];
  /** Settings that it was started with and this call does not mention: they stay as they are. */
  readonly unmentioned: readonly string[];
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // Gone: that is what was wanted.
  }
}

async function waitUntilGone(
  processes: readonly { pid: number; startTime?: string | undefined }[],
  limitMs: number,
): Promise<boolean> {
  for (const deadline = Date.now() + limitMs; Date.now() < deadline; await sleep(50)) {
    if (!processes.some(isRunning)) return true;
  }
  return !processes.some(isRunning);
}

/**
 * Stops everything that this clone started: the supervisor, which stops its own, and whatever an earlier supervisor
 * left behind when it was killed. Answers the names of what ran.
 */
export async function stopStack(workspace: Workspace): Promise<string[]> {
  const supervisor = runningSupervisor(workspace);
  const before = readPids(workspace).processes.filter(isRunning);
  if (supervisor) {
    signal(supervisor.pid, 'SIGTERM');
    if (!(await waitUntilGone([supervisor], STOP_LIMIT_MS))) signal(supervisor.pid, 'SIGKILL');
  }
  const known = new Map([...before, ...readPids(workspace).processes].map((process) => [process.pid, process]));
  const left = [...known.values()].filter(isRunning);
  // PostgreSQL takes SIGTERM for "wait until everybody has left"; SIGINT is its quick and safe end.
  for (const { pid, name } of left) signal(pid, name === 'postgres' ? 'SIGINT' : 'SIGTERM');
  if (!(await waitUntilGone(left, 10_000))) {
    for (const process of left.filter(isRunning)) signal(-process.pid, 'SIGKILL');
    await waitUntilGone(left, 5_000);
  }
  writeJson(workspace.pidsFile, { processes: [] });
  writeJson(workspace.statusFile, { processes: [] });
  return before.map(({ name }) => name);
}

function canListen(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen({ host, port, exclusive: true }, () => probe.close(() => resolve(true)));
  });
}

async function ensureGatewayPortIsFree(gateway: { host: string; port: number }): Promise<void> {
  if (await canListen(gateway.host, gateway.port)) return;
  const owner = portOwner(gateway.port);
  const by = owner ? `by process ${owner.pid} (${owner.command})` : 'by a process of another account';
  const other = gateway.port + 80;
  throw new UserError(
    `Port ${gateway.port} is taken ${by}. Choose another: GATEWAY_PORT=${other} ./switchyard up`,
    EXIT.unavailable,
  );
}

function spawnSupervisor(workspace: Workspace, environment: Environment): ChildProcess {
  closeState(workspace);
  mkdirSync(workspace.logDir, { recursive: true, mode: 0o700 });
  const log = openSync(logFile(workspace, 'supervisor'), 'a', 0o600);
  try {
    const entry = fileURLToPath(new URL('./supervisor-main.js', import.meta.url));
    // Every account of the machine reads command lines: settings, and whatever follows from them, go by the environment.
    return spawn(process.execPath, ['--enable-source-maps', entry, workspace.root], {
      cwd: workspace.root,
      detached: true,
      stdio: ['ignore', log, log, 'ipc'],
      env: { ...environment },
    });
  } finally {
    closeSync(log);
  }
}

async function start(
  workspace: Workspace,
  environment: Environment,
  listener: StackListener,
): Promise<readonly string[]> {
  const child = spawnSupervisor(workspace, environment);
  return await new Promise<readonly string[]>((resolve, reject) => {
    const limit = setTimeout(
      () => reject(new UserError(`the stack did not start within ${START_LIMIT_MS / 1000} s`, 1)),
      START_LIMIT_MS,
    );
    const settle = (outcome: Error | readonly string[]): void => {
      clearTimeout(limit);
      if (outcome instanceof Error) reject(outcome);
      else resolve(outcome);
    };
    child.once('error', (error) => settle(error));
    child.once('exit', (code) =>
      settle(
        new UserError(`the supervisor ended (exit code ${code}); its log: ${logFile(workspace, 'supervisor')}`, 1),
      ),
    );
    child.on('message', (message: SupervisorMessage) => {
      if (message.kind === 'progress') listener.onProgress(message.name, message.text, message.ms);
      else if (message.kind === 'notice') listener.onNotice(message.line);
      else if (message.kind === 'step') listener.onStep(message.line);
      else if (message.kind === 'failed') settle(new UserError(message.message, message.exitCode ?? EXIT.failed));
      else settle(message.notReady);
    });
  }).finally(() => {
    child.removeAllListeners();
    if (child.connected) child.disconnect();
    child.unref();
  });
}

/** Waits for the start that another call began. */
async function waitUntilReady(workspace: Workspace): Promise<SupervisorFile | undefined> {
  for (const deadline = Date.now() + START_LIMIT_MS; Date.now() < deadline; await sleep(100)) {
    const supervisor = runningSupervisor(workspace);
    if (!supervisor || supervisor.state === 'ready') return supervisor;
  }
  return undefined;
}

export interface StackWishes {
  /** Start a running stack again where this call wants other settings; else such a call is refused. */
  readonly apply: boolean;
}

/** The differences between this call's settings and those of the running stack. */
export interface Difference {
  readonly changed: readonly string[];
  readonly unmentioned: readonly string[];
}

/**
 * Why a running stack is started again; undefined: it serves this call as it is. Throws where this call names other
 * settings and does not say to apply them: what it was started for must not go on under the old ones in silence.
 */
export function reasonToRestart(
  { changed, unmentioned }: Difference,
  isOtherBuild: boolean,
  { apply }: StackWishes,
  withWhom: (names: readonly string[]) => string = (names) => names.join(', '),
): string | undefined {
  if (changed.length > 0 && !apply)
    throw new UserError(
      `The running stack has other settings than this call: ${withWhom(changed)}. It goes on with its own, and nothing was done. ` +
        'To start it again with these: ./switchyard up --apply',
      EXIT.config,
    );
  const dropped = apply ? unmentioned : [];
  const reasons = [
    ...(changed.length > 0 ? [`${withWhom(changed)} changed`] : []),
    ...(dropped.length > 0 ? [`${withWhom(dropped)} no longer set`] : []),
    ...(isOtherBuild ? ['the sources changed'] : []),
  ];
  return reasons.length > 0 ? reasons.join('; ') : undefined;
}

/** What is not set needs no check; a warm `run` does not wait for the code of one. */
async function withKnownLevels(given: Environment, listener: StackListener): Promise<Environment> {
  if (!given['LOG_LEVEL'] && !given['LOG_LEVELS'] && !given['AZTM_LOG_LEVEL']) return given;
  const { checkedLevels, withLevels } = await import('../environment/log-settings.ts');
  const unknown = checkedLevels(given);
  if (unknown !== undefined) listener.onNotice(unknown);
  return withLevels(given);
}

/** The running stack of this clone, started where it does not run. */
export async function ensureStack(
  workspace: Workspace,
  given: Environment,
  listener: StackListener,
  wishes: StackWishes = { apply: false },
): Promise<Stack> {
  const asked = await withKnownLevels(given, listener);
  const running = runningSupervisor(workspace) && (await waitUntilReady(workspace));
  const port = running && new URL(running.gatewayUrl).port;
  // Clients know the address of the running gateway: it moves only where this call says where to.
  const environment = asked['GATEWAY_PORT'] || !port ? asked : { ...asked, GATEWAY_PORT: port };
  const gateway = gatewayAddress(environment);
  if (running) {
    const named = await namedVariables(workspace, asked);
    const own = settingsOf(asked, settingsKey(workspace), named);
    const difference = {
      changed: changedSettings(running.settings, own),
      unmentioned: unmentionedSettings(running.settings, own),
    };
    const withWhom = (names: readonly string[]): string => withReaders(names, named);
    const reason = reasonToRestart(difference, running.build !== currentBuild(workspace), wishes, withWhom);
    if (!reason)
      return {
        gatewayUrl: running.gatewayUrl,
        model: running.model,
        started: false,
        notReady: await notReadyOf(workspace),
        unmentioned: difference.unmentioned,
      };
    refuseOpenIdentity(environment);
    // A stack that works is not stopped for one that cannot start.
    if (port !== String(gateway.port)) await ensureGatewayPortIsFree(gateway);
    listener.onNotice(`${reason}: starting the stack again`);
  }
  refuseOpenIdentity(environment);
  await stopStack(workspace);
  await ensureGatewayPortIsFree(gateway);
  const notReady = await start(workspace, environment, listener);
  const started = runningSupervisor(workspace);
  if (!started) throw new UserError(`the stack ended at once; see ${logFile(workspace, 'supervisor')}`, 1);
  return { gatewayUrl: started.gatewayUrl, model: started.model, started: true, notReady, unmentioned: [] };
}
