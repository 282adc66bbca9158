import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type Clock, type Lifecycle, type Logger } from '@switchyard/platform';
import { createSafeFetch, mappedJid, type XmppRoute } from '@switchyard/safe-fetch';
import type { Connections } from '@switchyard/store';
import { Authorisations } from './authorisations.ts';
import { CredentialKeeper } from './credential-keeper.ts';
import { ProviderClient } from './provider-client.ts';
import { parseProviders, type ProviderConfig } from './provider-config.ts';
import type { Teller } from './teller.ts';
import { KeyRingText, Vault, type VaultKey } from './vault.ts';

const MAX_FILE_CHARS = 1024 ** 2;

export interface AuthorisationsConfig {
  readonly providersFile: string | undefined;
  readonly keys: readonly VaultKey[];
  readonly keysFile: string | undefined;
  readonly publicUrl: string;
  readonly allowHosts: readonly string[];
}

export interface OpeningParts {
  readonly connections: Connections;
  readonly teller: Pick<Teller, 'tell'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly lifecycle: Pick<Lifecycle, 'onStop'>;
  readonly read: (name: string) => string | undefined;
  readonly route: XmppRoute;
}

/** Wires what users authorise. Throws, with every mistake, where the operator's file or the key ring is wrong. */
export function openAuthorisations(config: AuthorisationsConfig, parts: OpeningParts): Authorisations {
  const { connections, teller, clock, log, lifecycle, route } = parts;
  const providers = config.providersFile === undefined ? [] : providersIn(config.providersFile, parts.read);
  const ring = config.keysFile === undefined ? config.keys : keysIn(config.keysFile);
  if (providers.length > 0 && ring.length === 0)
    throw new Error(
      'providers to authorise need VAULT_KEYS or VAULT_KEYS_FILE: name:key, key by "openssl rand -base64 32"',
    );
  const allowed = new Set(config.allowHosts.map((host) => host.toLowerCase()));
  const fetch = createSafeFetch({ ...route, allowHosts: config.allowHosts, totalTimeoutMs: 10_000, log });
  const isMapped = (host: string) => mappedJid(route.serviceMap, new URL(`http://${host}`)) !== undefined;
  const redirectUri = new URL('/api/mcp/auth/callback', config.publicUrl).href;
  const clients = new Map(
    providers.map((provider): [string, ProviderClient] => [
      provider.id,
      new ProviderClient({
        ...{ config: provider, redirectUri, fetch },
        mayUseHttp: (host) => allowed.has(host) || allowed.has(host.replace(/:\d+$/, '')) || isMapped(host),
        now: () => clock.now(),
      }),
    ]),
  );
  // Without providers nothing is sealed; a key of this process alone keeps that true.
  const vault = new Vault(ring.length > 0 ? ring : [{ kid: 'none', key: randomBytes(32) }]);
  const keeper = new CredentialKeeper({ connections, vault, teller, clock, log });
  if (ring.length > 0) keeper.start();
  lifecycle.onStop('credentials', () => keeper.stop());
  return new Authorisations({ clients, connections, vault, keeper, teller, clock, log });
}

function textOf(path: string): string {
  try {
    const text = readFileSync(path, 'utf8');
    if (text.length <= MAX_FILE_CHARS) return text;
  } catch (error) {
    throw new Error(`${path} cannot be read: ${(error as NodeJS.ErrnoException).code ?? 'unknown error'}`, {
      cause: error,
    });
  }
  throw new Error(`${path} is longer than ${MAX_FILE_CHARS} characters`);
}

function providersIn(path: string, read: OpeningParts['read']): readonly ProviderConfig[] {
  const parsed = parseProviders(textOf(path), read);
  if ('providers' in parsed) return parsed.providers;
  throw new Error(parsed.mistakes.map(({ line, message }) => `${path}:${line}: ${message}`).join('\n'));
}

function keysIn(path: string): readonly VaultKey[] {
  const parsed = KeyRingText.safeParse(textOf(path));
  if (parsed.success) return parsed.data;
  throw new Error(`${path}: ${parsed.error.issues.map(({ message }) => message).join('; ')}`);
}
