import { chownSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { accountFor, ownedFolder } from './account.ts';
import { hears } from './dialogue.ts';
import { binaryOf, type LocalServer, logFileOf, type ServerOptions, startOnPort } from './local-server.ts';
import { ServerProcess } from './process.ts';

export interface ProsodyOptions extends ServerOptions {
  /** The domain that it serves. Default `localhost`. */
  readonly domain?: string;
  /** Accounts to create: local part -> password. */
  readonly users?: Readonly<Record<string, string>>;
  /** Paths of a certificate and its key, which the caller can read. Set: Prosody offers and requires STARTTLS. */
  readonly tls?: { readonly certificate: string; readonly key: string };
  /** Modules besides the default ones. */
  readonly modules?: readonly string[];
  /** Additional Prosody configuration, before the virtual host. */
  readonly config?: string;
}

export interface ProsodyServer extends LocalServer {
  readonly domain: string;
}

/** File names in Prosody's store: everything but letters and digits is percent-encoded, in lower case. */
export function storeName(text: string): string {
  return text.replace(/[^A-Za-z0-9]/g, (c) =>
    [...Buffer.from(c)].map((b) => `%${b.toString(16).padStart(2, '0')}`).join(''),
  );
}

const lua = (text: string): string => `"${text.replace(/[\\"]/g, '\\$&').replace(/\n/g, '\\n')}"`;

/** The configuration of a private Prosody: clients only, no federation, no registration, no rate limit. */
export function prosodyConfig(
  at: { port: number; dir: string; domain: string },
  options: Pick<ProsodyOptions, 'tls' | 'config' | 'modules'> = {},
): string {
  const { tls, modules = [] } = options;
  const enabled = ['roster', 'saslauth', 'disco', 'ping', ...(tls ? ['tls'] : []), ...modules];
  const disabled = ['s2s', ...(tls ? [] : ['tls']), 'http', 'limits'].filter((name) => !modules.includes(name));
  const list = (names: readonly string[]): string => `{ ${names.map(lua).join(', ')} }`;
  const security = tls
    ? `c2s_require_encryption = true\nssl = { certificate = ${lua(tls.certificate)}; key = ${lua(tls.key)} }`
    : 'c2s_require_encryption = false\nallow_unencrypted_plain_auth = true';
  const settings = `data_path = ${lua(join(at.dir, 'data'))}
pidfile = ${lua(join(at.dir, 'prosody.pid'))}
interfaces = { "127.0.0.1" }
c2s_ports = { ${at.port} }
c2s_direct_tls_ports = {}
component_ports = {}
modules_enabled = ${list(enabled)}
modules_disabled = ${list(disabled)}
authentication = "internal_plain"
allow_registration = false
network_settings = { nagle = false }
${security}
log = { info = "*console" }`.split('\n');
  // No path is set twice: Prosody crashes when it warns of a duplicate with a long path.
  const config = options.config ?? '';
  const own = settings.filter((line) => !`\n${config}`.includes(`\n${line.split(' ', 1)[0]} =`));
  return `${own.join('\n')}\n${config}\nVirtualHost ${lua(at.domain)}\n`;
}

/** Starts a private Prosody. Throws with the end of its log if it does not start. */
export async function startProsody(options: ProsodyOptions): Promise<ProsodyServer> {
  const command = binaryOf('prosody');
  const account = accountFor('prosody');
  const dir = ownedFolder(options.dir, account);
  const log = logFileOf(options);
  const domain = options.domain ?? 'localhost';
  const own = (path: string): void => (account ? chownSync(path, account.uid, account.gid) : undefined);
  const ownFolder = (path: string): void => (mkdirSync(path, { recursive: true }), own(path));
  const ownFile = (path: string, text: string): void => (writeFileSync(path, text, { mode: 0o600 }), own(path));

  const accounts = join(dir, 'data', storeName(domain), 'accounts');
  for (const folder of [join(dir, 'data'), join(accounts, '..'), accounts]) ownFolder(folder);
  for (const [user, password] of Object.entries(options.users ?? {})) {
    ownFile(join(accounts, `${storeName(user)}.dat`), `return {\n\t["password"] = ${lua(password)};\n};\n`);
  }

  // Copied to where only its account can read them.
  const tls = options.tls && { certificate: join(dir, 'server.pem'), key: join(dir, 'server.key') };
  if (options.tls && tls) {
    ownFile(tls.certificate, readFileSync(options.tls.certificate, 'utf8'));
    ownFile(tls.key, readFileSync(options.tls.key, 'utf8'));
  }

  const file = join(dir, 'prosody.cfg.lua');
  const { port, process } = await startOnPort(
    options,
    (on) => {
      ownFile(file, prosodyConfig({ port: on, dir, domain }, { ...options, ...(tls ? { tls } : {}) }));
      return new ServerProcess({
        name: 'prosody',
        command,
        args: ['--config', file, '-F'],
        cwd: dir,
        log,
        account,
        stopSignal: 'SIGTERM',
      });
    },
    (on) =>
      hears(on, {
        say: `<?xml version='1.0'?><stream:stream to='${domain}' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>`,
        hear: '<stream:features',
      }),
  );
  return {
    name: 'prosody',
    domain,
    url: `xmpp://127.0.0.1:${port}`,
    port,
    pid: process.pid,
    dir,
    log,
    exited: process.exited,
    stop: () => process.stop(),
  };
}
