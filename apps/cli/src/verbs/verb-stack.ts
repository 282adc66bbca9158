import { existsSync } from 'node:fs';
import { relative } from 'node:path';
import { followFile } from '../terminal/follow-file.ts';
import { certificatesOf, natsUrlFile } from '../environment/logins.ts';
import { logFile, type Workspace } from '../environment/workspace.ts';
import { portOwner } from '../environment/port-owner.ts';
import { readStatus, runningSupervisor } from '../environment/process-files.ts';
import { ensureStack, stopSecondOrganisation, stopStack } from '../stack/index.ts';
import { EXIT } from '../terminal/user-error.ts';
import { progressListener, stackEnvironment, type VerbContext } from '../command-line/verb.ts';

const PROBE_LIMIT_MS = 2_000;

/** A URL without its password, and without the paths of certificates. */
export function withoutPassword(url: string): string {
  return url.replace(/^([a-z]+:\/\/[^:@/]*):[^@/]*@/, '$1:***@').replace(/\?sslmode=.*$/, '?sslmode=verify-full');
}

/** Waits until somebody asks to stop (true), or the stack is gone (false). */
function askedToStop(lives: () => boolean): Promise<boolean> {
  return new Promise((resolve) => {
    const finish = (asked: boolean): void => {
      clearInterval(watch);
      resolve(asked);
    };
    const watch = setInterval(() => lives() || finish(false), 500);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => finish(true));
  });
}

/** `up`: starts everything that is not running; without --detach, stays, reports, and stops it all at the end. */
export async function up(context: VerbContext): Promise<number> {
  const { workspace, values, print, remark } = context;
  const wishes = { apply: values['apply'] === true };
  const stack = await ensureStack(workspace, stackEnvironment(context), progressListener(context), wishes);
  // A service that is not ready is never reported as running.
  for (const line of stack.notReady) remark(`  ! ${line}`);
  const isWhole = stack.notReady.length === 0;
  if (isWhole) print(`${stack.started ? 'Running' : 'Running already'}: ${stack.gatewayUrl}`);
  else print(`Not ready: ${stack.gatewayUrl}. What is said above is missing; ./switchyard status looks again.`);
  print(`Model: ${stack.model}`);
  if (stack.unmentioned.length > 0)
    remark(`As it was started, though not set here: ${stack.unmentioned.join(', ')}. Without them: up --apply`);
  if (values['detach'] === true) return isWhole ? EXIT.ok : EXIT.failed;

  remark('Ctrl-C stops everything; "up --detach" leaves it running.');
  const unfollow = followFile(logFile(workspace, 'supervisor'), (line) => {
    const notice = line.split(' ! ')[1];
    if (notice) print(`${new Date().toISOString().slice(11, 19)} ${notice}`);
  });
  const asked = await askedToStop(() => runningSupervisor(workspace) !== undefined);
  unfollow();
  if (!asked) {
    remark('The stack was stopped.');
    return EXIT.ok;
  }
  remark('\nstopping ...');
  await stopSecondOrganisation(workspace);
  await stopStack(workspace);
  return isWhole ? EXIT.ok : EXIT.failed;
}

/** `down`: stops what this clone started, and nothing else. */
export async function down({ workspace, print }: VerbContext): Promise<number> {
  const stopped = [...(await stopSecondOrganisation(workspace)), ...(await stopStack(workspace))];
  print(stopped.length > 0 ? `Stopped: ${stopped.join(', ')}` : 'Nothing was running.');
  return EXIT.ok;
}

async function readiness(url: string): Promise<{ ok: boolean; body: unknown } | undefined> {
  try {
    const response = await fetch(`${url}/readiness`, { signal: AbortSignal.timeout(PROBE_LIMIT_MS) });
    return { ok: response.ok, body: await response.json().catch(() => undefined) };
  } catch {
    return undefined;
  }
}

function checksOf(body: unknown): (readonly [name: string, check: unknown])[] {
  const checks = (body as { checks?: unknown } | undefined)?.checks;
  return Array.isArray(checks)
    ? checks.map((check: { name?: unknown }) => [String(check.name), check] as const)
    : Object.entries((checks ?? {}) as Record<string, unknown>);
}

/** The remarks of a readiness answer. */
function remarksOf(body: unknown): string[] {
  return checksOf(body).flatMap(([, check]) => {
    const { ok, detail } = (check ?? {}) as { ok?: unknown; detail?: unknown };
    return ok === true && typeof detail === 'string' ? [detail] : [];
  });
}

/** The dependencies that a readiness answer calls bad, as short texts. */
export function badChecks(body: unknown): string[] {
  return checksOf(body).flatMap(([name, check]) => {
    const { ok, status, detail } = (typeof check === 'object' && check !== null ? check : {}) as {
      ok?: unknown;
      status?: unknown;
      detail?: unknown;
    };
    const bad = ok === false || (typeof status === 'string' && !['ok', 'up', 'ready'].includes(status));
    return bad ? [`${name}${typeof detail === 'string' ? `: ${detail}` : ''}`] : [];
  });
}

/** The TLS options of the stock client, if the bus requires a certificate. */
function watcherTls(workspace: Workspace, processes: readonly { name: string; url: string }[]): string {
  const nats = processes.find(({ name }) => name === 'nats');
  if (!nats?.url.startsWith('tls:')) return '';
  const { ca, cert, key } = certificatesOf(workspace).of('watcher');
  const [caFile, certFile, keyFile] = [ca, cert, key].map((file) => relative(process.cwd(), file));
  return ` --tlsca ${caFile} --tlscert ${certFile} --tlskey ${keyFile}`;
}

/** `status`: every process, and whether it is ready. */
export async function status({ workspace, values, print, paint }: VerbContext): Promise<number> {
  const file = readStatus(workspace);
  if (values['json'] === true) {
    print(JSON.stringify(file, null, 2));
    return EXIT.ok;
  }
  const supervisor = runningSupervisor(workspace);
  if (!supervisor) {
    print('Nothing is running in this clone. Start it: ./switchyard up --detach');
    return EXIT.unavailable;
  }
  const rows = await Promise.all(
    file.processes.map(async (process) => {
      const asked = process.url.startsWith('http') && !/^(dev-model|mock-a2a)/.test(process.name);
      const answer = asked ? await readiness(process.url) : undefined;
      const bad = badChecks(answer?.body);
      const word = !asked ? 'runs' : answer?.ok ? 'ready' : answer ? 'not ready' : 'no answer';
      return { ...process, word, notes: bad.length > 0 ? bad : remarksOf(answer?.body) };
    }),
  );
  const width = Math.max(...rows.map((row) => row.name.length), 8);
  for (const { name, pid, url, word, notes } of rows) {
    const state = paint(word === 'ready' || word === 'runs' ? 'good' : 'bad', word.padEnd(9));
    const why = notes.length > 0 ? `  ${notes.join('; ')}` : '';
    print(`${name.padEnd(width)}  ${String(pid).padStart(7)}  ${state}  ${withoutPassword(url)}${why}`);
  }
  print(`Model: ${supervisor.model}`);
  const watching = natsUrlFile(workspace, 'watcher');
  if (existsSync(watching))
    print(
      `Watch: nats --server "$(cat ${relative(process.cwd(), watching)})"${watcherTls(workspace, rows)} --inbox-prefix _INBOX.watcher sub 'run.>'; or ./switchyard nats context`,
    );
  const gateway = rows.find((row) => row.name === 'gateway');
  if (!gateway)
    print(
      `The gateway is not running${portOwner(Number(new URL(supervisor.gatewayUrl).port)) ? ', and its port is taken' : ''}.`,
    );
  return gateway?.word === 'ready' ? EXIT.ok : EXIT.unavailable;
}
