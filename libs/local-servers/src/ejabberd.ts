import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { findProgram, TEST_PACKAGES } from '../binaries.mjs';
import { hears } from './dialogue.ts';
import { type LocalServer, logFileOf, type ServerOptions, startOnPort } from './local-server.ts';
import { ServerProcess } from './process.ts';
import type { ProsodyOptions } from './prosody.ts';

/*
 * A private ejabberd for tests: the other XMPP server that operators run. Its Erlang VM joins no cluster: no epmd, no
 * port except the one for clients, and it touches nothing of the system's ejabberd.
 */

export type EjabberdOptions = ServerOptions &
  Pick<ProsodyOptions, 'domain' | 'users' | 'tls'> & {
    /** Additional top-level ejabberd configuration, in YAML. */
    readonly config?: string;
    /** Additional options of the listener for clients, in YAML flow style: `max_stanza_size: 65536`. */
    readonly listener?: readonly string[];
  };

export interface EjabberdServer extends LocalServer {
  readonly domain: string;
}

/** False if the Debian package is missing; tests that need it are then skipped. */
export function ejabberdIsInstalled(): boolean {
  return TEST_PACKAGES.find(({ name }) => name === 'ejabberd')?.find() !== undefined;
}

/** JSON is YAML. */
const yaml = (value: unknown): string => JSON.stringify(value);

/** The configuration of a private ejabberd: clients only, no federation, no registration, no rate limit. */
function ejabberdConfig(
  at: { port: number; domain: string },
  options: Pick<EjabberdOptions, 'tls' | 'config' | 'listener'> = {},
): string {
  const { tls, listener = [] } = options;
  const lines = ['max_stanza_size: 262144', ...(tls ? ['starttls: true', 'starttls_required: true'] : []), ...listener];
  return `hosts: [${yaml(at.domain)}]
loglevel: info
${tls ? `certfiles: ${yaml([tls.certificate, tls.key])}\n` : ''}listen:
  -
    port: ${at.port}
    ip: "127.0.0.1"
    module: ejabberd_c2s
    access: all
    shaper: none
${lines.map((line) => `    ${line}\n`).join('')}s2s_access: none
auth_method: [internal]
auth_password_format: plain
disable_sasl_mechanisms: ["X-OAUTH2", "DIGEST-MD5", "ANONYMOUS"]
modules:
  mod_disco: {}
  mod_ping: {}
  mod_roster: {}
${options.config ?? ''}`;
}

/** Creates the accounts of the file and reports that it is done; the server is ready only then. */
const ACCOUNTS_THEN_READY = `
{ok, Accounts} = file:consult("accounts"),
[case ejabberd_auth:try_register(U, H, P) of ok -> ok; {error, exists} -> ok = ejabberd_auth:set_password(U, H, P) end || {U, H, P} <- Accounts],
ok = file:write_file("ready", "").`;

/** Starts a private ejabberd. Throws with the end of its log if it does not start. */
export async function startEjabberd(options: EjabberdOptions): Promise<EjabberdServer> {
  const command = findProgram('erl');
  if (!command || !ejabberdIsInstalled())
    throw new Error('ejabberd is not installed; on Debian: apt-get install ejabberd');
  const dir = resolve(options.dir);
  mkdirSync(dir, { recursive: true });
  const log = logFileOf(options);
  const domain = options.domain ?? 'localhost';
  const accounts = Object.entries(options.users ?? {})
    .map(([user, password]) => `{${[user, domain, password].map(binary).join(', ')}}.\n`)
    .join('');
  writeFileSync(join(dir, 'accounts'), accounts, { mode: 0o600 });
  const [configuration, ready] = [join(dir, 'ejabberd.yml'), join(dir, 'ready')];
  // One scheduler, without busy waiting: tests share the machine with it.
  const machine = ['-noinput', '+S', '1:1', '+sbwt', 'none', '+sbwtdcpu', 'none', '+sbwtdio', 'none'];
  const { port, process: server } = await startOnPort(
    options,
    (on) => {
      rmSync(ready, { force: true });
      writeFileSync(configuration, ejabberdConfig({ port: on, domain }, options), { mode: 0o600 });
      return new ServerProcess({
        name: 'ejabberd',
        command,
        args: [
          ...machine,
          '-mnesia',
          'dir',
          `"${join(dir, 'database')}"`,
          '-s',
          'ejabberd',
          '-eval',
          ACCOUNTS_THEN_READY,
        ],
        cwd: dir,
        log,
        stopSignal: 'SIGTERM',
        env: {
          PATH: process.env['PATH'],
          HOME: dir,
          ERL_LIBS: librariesOf(),
          ERL_CRASH_DUMP_BYTES: '0',
          EJABBERD_CONFIG_PATH: configuration,
          EJABBERD_LOG_PATH: join(dir, 'ejabberd.log'),
        },
      });
    },
    (on) => Promise.resolve(existsSync(ready) && hears(on, { say: opening(domain), hear: '<stream:features' })),
  );
  return {
    name: 'ejabberd',
    domain,
    url: `xmpp://127.0.0.1:${port}`,
    port,
    pid: server.pid,
    dir,
    log,
    exited: server.exited,
    stop: () => server.stop(),
  };
}

/** An Erlang binary literal with these bytes. */
function binary(text: string): string {
  return `<<${[...Buffer.from(text)].join(',')}>>`;
}

/** The folder with ejabberd and the libraries that came with it: Debian names it after the machine. */
function librariesOf(): string {
  const found = readdirSync('/usr/lib').map((name) => join('/usr/lib', name));
  const holds = (folder: string): boolean => {
    try {
      return readdirSync(folder).some((name) => name.startsWith('ejabberd-'));
    } catch {
      return false;
    }
  };
  const folder = found.find(holds);
  if (!folder) throw new Error('the files of ejabberd are not under /usr/lib');
  return folder;
}

function opening(domain: string): string {
  return `<?xml version='1.0'?><stream:stream to='${domain}' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>`;
}
