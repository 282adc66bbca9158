import { existsSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { NODE_FLAGS, ServerProcess } from '@switchyard/local-servers';
import {
  developmentEnvironment,
  type Environment,
  replicaNames,
  SERVICE_APPS,
  type ServiceApp,
  serviceEnvironment,
  type StackAddresses,
} from '../environment/environment.ts';
import { reasonForExit } from './exit-reason.ts';
import { logFile, type Workspace } from '../environment/workspace.ts';
import type { Ports } from '../environment/ports.ts';
import type { Running } from './supervised.ts';

const LARGEST_LOG_BYTES = 16 * 1024 ** 2;

/** One process to run: its name, and how to launch it (again). */
export interface Launchable {
  readonly name: string;
  readonly launch: () => Promise<Running>;
}

export function entryOf(workspace: Workspace, app: string): string {
  return join(workspace.root, 'apps', app, 'dist', 'main.js');
}

/** One earlier log is kept, so that a service that fails in a loop does not fill the disk. */
function rotate(file: string): void {
  if (existsSync(file) && statSync(file).size > LARGEST_LOG_BYTES) renameSync(file, `${file}.1`);
}

function launchNode(
  workspace: Workspace,
  name: string,
  app: string,
  url: string,
  env: Record<string, string>,
): Running {
  const log = logFile(workspace, name);
  rotate(log);
  const child = new ServerProcess({
    name,
    command: process.execPath,
    args: [...NODE_FLAGS, entryOf(workspace, app)],
    cwd: workspace.root,
    log,
    env,
    stopSignal: 'SIGTERM',
  });
  return {
    pid: child.pid,
    url,
    exited: child.exited,
    lastWords: () => reasonForExit(child.tail),
    stop: () => child.stop(),
  };
}

/** The development model and the mock agent: neither needs a server. */
export function developmentApps(
  workspace: Workspace,
  at: { devModelPort?: number; mockA2aPort: number },
  given: Environment,
): Launchable[] {
  const app = (name: 'dev-model' | 'mock-a2a', port: number, variable: string): Launchable => ({
    name,
    launch: async () => {
      const env = developmentEnvironment(name, { [variable]: String(port) }, given);
      return launchNode(workspace, name, name, `http://127.0.0.1:${port}`, env);
    },
  });
  return [
    ...(at.devModelPort === undefined ? [] : [app('dev-model', at.devModelPort, 'DEV_MODEL_PORT')]),
    app('mock-a2a', at.mockA2aPort, 'MOCK_A2A_PORT'),
  ];
}

/** Every service, each replica one process. Its port for operations is chosen anew where the last one is taken. */
export function serviceApps(
  workspace: Workspace,
  stack: StackAddresses,
  given: Environment,
  replicas: Readonly<Partial<Record<ServiceApp, number>>>,
  ports: Ports,
): Launchable[] {
  return SERVICE_APPS.flatMap((app) =>
    replicaNames(app, replicas[app] ?? 1).map((name) => ({
      name,
      launch: async () => {
        const opsPort = await ports.take(name);
        const port = app === 'gateway' ? stack.gateway.port : opsPort;
        return launchNode(
          workspace,
          name,
          app,
          `http://127.0.0.1:${port}`,
          serviceEnvironment(app, opsPort, stack, given),
        );
      },
    })),
  );
}
