import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import type { SystemEventPublisher } from '@switchyard/bus';
import { type Clock, type Lifecycle, type Logger } from '@switchyard/platform';
import { createSafeFetch, mappedJid, type XmppRoute } from '@switchyard/safe-fetch';
import type { Connections, Registrations } from '@switchyard/store';
import { Authorisations, TokenManager, ProviderRegistry, ProviderLogins } from './credentials/index.ts';
import { ClientRegistrations, ProviderClient } from './oauth/index.ts';
import { DiscoveredProviders } from './credentials/discovered/index.ts';
import { OperatorFile } from './common/index.ts';
import { parseProviders, type ProviderConfig } from './oauth/provider-config.ts';
import { type ShippedSettings, shippedProviders } from './shipped-tools/index.ts';
import { KeyRingText, Vault, type VaultKey } from './oauth/vault.ts';

const MAX_FILE_CHARS = 1024 ** 2;
const NO_KEYS = 'providers to authorise need VAULT_KEYS or VAULT_KEYS_FILE: name:key, key by "openssl rand -base64 32"';

export interface AuthorisationsConfig {
  readonly shipped: ShippedSettings;
  readonly providersFile: string | undefined;
  readonly keys: readonly VaultKey[];
  readonly keysFile: string | undefined;
  readonly publicUrl: string;
  /** Where authorization servers read who we are, if not under `publicUrl`. */
  readonly clientMetadataUrl?: string | undefined;
  readonly allowHosts: readonly string[];
  readonly lookEveryMs: number;
}

export interface OpeningParts {
  readonly connections: Connections;
  readonly registrations: Registrations;
  readonly systemEvents: Pick<SystemEventPublisher, 'publish'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly lifecycle: Pick<Lifecycle, 'onStop'>;
  readonly read: (name: string) => string | undefined;
  readonly route: XmppRoute;
  /** Called when the providers have changed. */
  readonly onProviders?: () => void;
}

export interface OpenedAuthorisations {
  readonly authorisations: Authorisations;
  readonly logins: ProviderLogins;
  /** The providers to which upstreams lead. */
  readonly discovered: DiscoveredProviders;
  readonly clients: ClientRegistrations;
}

/**
 * Wires the authorisations of users. Throws, with every mistake, if the operator's file or the key ring is wrong. The
 * file is read again when it changes; the key ring stays as it was at the start.
 */
export async function openAuthorisations(
  config: AuthorisationsConfig,
  parts: OpeningParts,
): Promise<OpenedAuthorisations> {
  const { connections, registrations, systemEvents, clock, log, lifecycle, route, read, onProviders } = parts;
  const ring = config.keysFile === undefined ? config.keys : keysIn(config.keysFile);
  const allowed = new Set(config.allowHosts.map((host) => host.toLowerCase()));
  const fetch = createSafeFetch({ ...route, allowHosts: config.allowHosts, totalTimeoutMs: 10_000, log });
  const isMapped = (host: string) => mappedJid(route.serviceMap, new URL(`http://${host}`)) !== undefined;
  const at = (path: string) => new URL(`/api/mcp/auth${path}`, config.publicUrl).href;
  const redirectUri = at('/callback');
  const pageOf = (provider: string) => at(`?provider=${provider}`);
  const mayUseHttp = (host: string) => allowed.has(host) || allowed.has(host.replace(/:\d+$/, '')) || isMapped(host);
  const clientOf = (provider: ProviderConfig) =>
    new ProviderClient({
      config: provider,
      redirectUri,
      fetch,
      mayUseHttp,
      now: () => clock.now(),
    });
  // Without providers nothing is sealed; a key of this process alone keeps that true.
  const vault = new Vault(ring.length > 0 ? ring : [{ kid: 'none', key: randomBytes(32) }]);
  const tokens = new TokenManager({ connections, vault, systemEvents, clock, log, pageOf });
  const ownDocument = redirectUri.startsWith('https:') ? at('/client.json') : undefined;
  const documentUrl = config.clientMetadataUrl ?? ownDocument;
  const clients = new ClientRegistrations({ registrations, vault, redirectUri, documentUrl });
  if (ring.length > 0) tokens.start((isStopped) => clients.resealAll(isStopped));
  lifecycle.onStop('credentials', () => tokens.stop());
  const providers = new ProviderRegistry();
  const authorisations = new Authorisations({ providers, connections, vault, tokens, systemEvents, log, pageOf });
  const logins = new ProviderLogins({
    providers,
    connections,
    vault,
    tokens,
    systemEvents,
    clock,
    log,
    onConnected: (owner) => authorisations.changed(owner, 'connected'),
  });
  const discovered = new DiscoveredProviders({
    providers,
    authorisations,
    registrations: clients,
    mayUseHttp,
    read,
    systemEvents,
    clock,
    log,
    pageOf,
    fetchFor: (host) =>
      host === undefined
        ? fetch
        : createSafeFetch({ ...route, allowHosts: [...config.allowHosts, host], totalTimeoutMs: 10_000, log }),
    withoutKeys: ring.length === 0 ? NO_KEYS : undefined,
  });
  const { configured, notSetUp } = shippedProviders(config.shipped);
  if (configured.length > 0 && ring.length === 0) throw new Error(NO_KEYS);
  providers.use(new Map(configured.map((provider) => [provider.id, clientOf(provider)])), 'shipped');
  providers.without(notSetUp);
  const opened = { authorisations, logins, discovered, clients };
  if (config.providersFile === undefined) return opened;
  let named: ReadonlyMap<string, ProviderClient> = new Map();
  const file = new OperatorFile<readonly ProviderConfig[]>({
    path: config.providersFile,
    of: 'providers',
    log,
    everyMs: config.lookEveryMs,
    parse: (text) => {
      const parsed = parseProviders(text, read);
      return 'providers' in parsed ? { value: parsed.providers } : parsed;
    },
    onChange: (configs) => {
      if (configs.length > 0 && ring.length === 0) throw new Error(NO_KEYS);
      // An unchanged provider keeps its state.
      named = new Map(
        configs.map((provider): [string, ProviderClient] => {
          const before = named.get(provider.id);
          return [provider.id, before && isDeepStrictEqual(before.config, provider) ? before : clientOf(provider)];
        }),
      );
      providers.use(named, 'named');
      onProviders?.();
    },
  });
  await file.start();
  lifecycle.onStop('file of providers', () => file.stop());
  return opened;
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

function keysIn(path: string): readonly VaultKey[] {
  const parsed = KeyRingText.safeParse(textOf(path));
  if (parsed.success) return parsed.data;
  throw new Error(`${path}: ${parsed.error.issues.map(({ message }) => message).join('; ')}`);
}
