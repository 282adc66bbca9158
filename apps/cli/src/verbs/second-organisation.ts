import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Bus, connectBus } from '@switchyard/bus';
import { xmppStatus } from '@switchyard/contracts';
import {
  busAccess,
  loadBusKeys,
  NODE_FLAGS,
  Passwords,
  ServerProcess,
  serviceAccess,
  startNats,
} from '@switchyard/local-servers';
import { createLogger } from '@switchyard/platform';
import type { Environment, ServiceApp } from '../environment/environment.ts';
import { logFile, type Workspace, writeJson } from '../environment/workspace.ts';
import { listeningOf } from '../environment/port-owner.ts';
import { entryOf, noteOfSecond, stopSecondOrganisation } from '../stack/index.ts';
import { UserError } from '../terminal/user-error.ts';
import { loginSettings, OWN_JID, PARTNER_HOST, PARTNER_JID, type XmppAccounts } from '../environment/xmpp-login.ts';

/*
 * A second, separate little organisation on this machine: a NATS server, a bridge and an agent of its own. It shares
 * nothing with the stack of this clone but the XMPP server. Guarantees:
 *  - None of its processes listens for HTTP: the bridge and the agent listen nowhere, NATS listens on loopback.
 *  - It lets in this clone's account, for the paths of its agent, and no other account.
 *  - Processes that an earlier call left behind are ended before a new call starts its own, and by `down`.
 */

const READY_LIMIT_MS = 30_000;
/** The operator's name. */
const PERSON = 'demo';

export interface SecondOrganisation {
  readonly jid: string;
  /** Its message bus, as one who hears. */
  readonly watcher: Bus;
  readonly processes: readonly { readonly name: string; readonly pid: number }[];
  readonly agentLog: string;
  stop(): Promise<void>;
  /** Lets go of it and leaves it running. */
  leave(): Promise<void>;
}

/** Starts it anew; resolves when its bridge takes requests. Where that fails, nothing of it is left. */
export async function startSecondOrganisation(
  workspace: Workspace,
  given: Environment,
  xmpp: { readonly accounts: XmppAccounts; readonly serverUrl: string },
): Promise<SecondOrganisation> {
  // An earlier call may have left processes behind.
  await stopSecondOrganisation(workspace);
  const dir = join(workspace.state, 'federation');
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  mkdirSync(workspace.logDir, { recursive: true, mode: 0o700 });
  const policy = join(dir, 'peers.json');
  writeJson(policy, {
    // Only this clone's account gets in, and only to the paths of the agent.
    [OWN_JID]: { methods: ['GET', 'POST'], paths: ['/a2a', '/.well-known/agent-card.json'], perMinute: 600 },
  });
  const processes: { name: string; pid: number }[] = [];
  const note = (name: string, pid: number): void => {
    processes.push({ name, pid });
    noteOfSecond(workspace, processes);
  };
  try {
    const passwords = new Passwords(join(dir, 'logins'));
    const nats = await startNats({ dir: join(dir, 'nats'), log: logFile(workspace, 'federation-nats'), passwords });
    const keys = await loadBusKeys(passwords);
    const accessOf = (app: ServiceApp) => serviceAccess(app, { nats }, keys.of(app));
    note('federation-nats', nats.pid);
    const launch = (name: string, app: string, env: Record<string, string>): ServerProcess => {
      const child = new ServerProcess({
        name,
        command: process.execPath,
        args: [...NODE_FLAGS, entryOf(workspace, app)],
        cwd: workspace.root,
        log: logFile(workspace, name),
        env: { PATH: given['PATH'] ?? '', LOG_LEVEL: 'info', NODE_ENV: 'development', ...env },
        stopSignal: 'SIGTERM',
      });
      note(name, child.pid);
      return child;
    };
    const agentLog = logFile(workspace, 'federation-agent');
    const children = [
      launch('federation-bridge', 'xmpp-bridge', {
        ...loginSettings(xmpp.accounts, PARTNER_JID, xmpp.serverUrl),
        ...accessOf('xmpp-bridge'),
        OPS_PORT: 'off', // The bridge listens nowhere.
        AZTM_PEER_POLICY: policy,
      }),
      launch('federation-agent', 'mock-a2a', {
        ...accessOf('gateway'), // Its part is that of a gateway.
        MOCK_A2A_NATS_URL: nats.urlFor('gateway'), // The agent answers over NATS and listens nowhere.
        MOCK_A2A_URL: `http://${PARTNER_HOST}`,
        MOCK_A2A_NAME: 'Partner agent',
      }),
    ];
    const log = createLogger({ app: 'demo', level: 'silent' });
    const watcher = await connectBus({ ...busAccess('watcher', nats, keys, PERSON), log });
    const asker = await connectBus({ ...busAccess('operator', nats, keys, PERSON), log });
    await untilOnline(asker, workspace, children).finally(() => asker.close());
    return {
      jid: PARTNER_JID,
      watcher,
      processes,
      agentLog,
      stop: async () => {
        await watcher.close();
        await stopSecondOrganisation(workspace);
      },
      leave: () => watcher.close(),
    };
  } catch (error) {
    await stopSecondOrganisation(workspace);
    throw error;
  }
}

async function untilOnline(bus: Bus, workspace: Workspace, children: readonly ServerProcess[]): Promise<void> {
  let sentence = 'its bridge does not answer';
  for (const deadline = Date.now() + READY_LIMIT_MS; Date.now() < deadline; await sleep(50)) {
    if (children.some(({ ended }) => ended !== undefined)) break;
    const status = await bus.request(xmppStatus, {}, { timeoutMs: 1_000 }).catch(() => undefined);
    if (status?.state === 'online' && status.serving === true) return;
    sentence = status?.sentence ?? sentence;
  }
  throw new UserError(
    `The second organisation did not come up: ${sentence}. Its logs: ${logFile(workspace, 'federation-bridge')}, ${logFile(workspace, 'federation-agent')}`,
  );
}

/** One line per process with its addresses. */
export function listeningLines(processes: SecondOrganisation['processes']): string[] {
  return processes.map(({ name, pid }) => {
    const where = listeningOf(pid);
    const what = where === undefined ? 'not known on this system' : where.length === 0 ? 'nowhere' : where.join(', ');
    return `${name.padEnd(18)} pid ${String(pid).padStart(7)}  listens on ${what}`;
  });
}
