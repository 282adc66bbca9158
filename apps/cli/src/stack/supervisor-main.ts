import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { currentBuild } from '../environment/build-stamp.ts';
import { namedVariables } from '../environment/named-variables.ts';
import { workspaceOf } from '../environment/workspace.ts';
import { identityOf, runningSupervisor, type SupervisorFile, writeSupervisor } from '../environment/process-files.ts';
import { gatewayAddress, modelLine, settingsOf } from '../environment/settings.ts';
import { settingsKey } from '../environment/settings-key.ts';
import { type Progress, Supervisor } from './supervisor.ts';
import { EXIT, UserError } from '../terminal/user-error.ts';

/** Messages of the supervisor to the command that started it, while that command listens. */
export type SupervisorMessage =
  | ({ kind: 'progress' } & Progress)
  | { kind: 'notice'; line: string }
  | { kind: 'step'; line: string }
  /** `notReady`: who is not, each with its reason; the others are. */
  | { kind: 'ready'; notReady: readonly string[] }
  | { kind: 'failed'; message: string; exitCode?: number };

function tell(message: SupervisorMessage): void {
  if (process.connected) process.send?.(message, undefined, {}, () => undefined);
}

function notice(line: string): void {
  console.log(`${new Date().toISOString()} ! ${line}`);
  tell({ kind: 'notice', line });
}

/** Entry of the background process. The root of the clone is its argument; what it is told otherwise is its environment. */
async function main(root: string): Promise<void> {
  // Files of this process and its children are readable only by their own account.
  process.umask(0o077);
  const workspace = workspaceOf(root);
  const gateway = gatewayAddress(process.env);
  // Two calls at once may both find nothing running; the second supervisor leaves the field to the first.
  const claim = join(workspace.state, 'supervisor.claim');
  for (;;) {
    try {
      writeFileSync(claim, '', { flag: 'wx' });
      break;
    } catch {
      if (runningSupervisor(workspace)) return tell({ kind: 'failed', message: 'another call is starting the stack' });
      rmSync(claim, { force: true });
    }
  }
  const named = await namedVariables(workspace, process.env);
  const record: SupervisorFile = {
    ...identityOf(process.pid),
    state: 'starting',
    gatewayUrl: `http://127.0.0.1:${gateway.port}`,
    model: modelLine(process.env),
    build: currentBuild(workspace),
    // GATEWAY_PORT always: a call that names the port that is used anyway wants nothing else.
    settings: settingsOf({ ...process.env, GATEWAY_PORT: String(gateway.port) }, settingsKey(workspace), named),
  };
  writeSupervisor(workspace, record);

  const supervisor = new Supervisor({
    workspace,
    environment: process.env,
    namedVariables: named,
    gateway,
    onProgress: (progress) => {
      console.log(`${new Date().toISOString()} ${progress.name} ${progress.text} ${progress.ms ?? ''}`);
      tell({ kind: 'progress', ...progress });
    },
    onStep: (line) => {
      console.log(`${new Date().toISOString()} ${line}`);
      tell({ kind: 'step', line });
    },
    onNotice: notice,
  });
  let ending = false;
  const end = (exitCode: number): void => {
    if (ending) return;
    ending = true;
    writeSupervisor(workspace, { ...record, state: 'stopping' });
    void supervisor.stop().finally(() => {
      rmSync(workspace.supervisorFile, { force: true });
      rmSync(claim, { force: true });
      process.exit(exitCode);
    });
  };
  process.on('SIGTERM', () => end(0));
  process.on('SIGINT', () => end(0));
  process.on('SIGHUP', () => undefined); // The terminal that started it may close.
  process.on('disconnect', () => undefined);
  // The children are unreferenced; this process lives as long as it is not told to end.
  setInterval(() => undefined, 60_000);

  try {
    const notReady = await supervisor.start();
    if (ending) return;
    writeSupervisor(workspace, { ...record, state: 'ready' });
    tell({ kind: 'ready', notReady });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    console.log(`${new Date().toISOString()} ! the start failed: ${message}`);
    const exitCode = error instanceof UserError ? error.exitCode : EXIT.failed;
    tell({ kind: 'failed', message, exitCode });
    end(exitCode);
  }
}

await main(process.argv[2] ?? '.');
