import { AppError, safeParse, sha256 } from '@switchyard/contracts';
import type { SafeFetch } from '@switchyard/safe-fetch';
import type { Registration, Registrations } from '@switchyard/store';
import { z } from 'zod';
import { mcpSdk } from '../common/index.ts';
import type { Found, ServerMetadata } from './discovery.ts';
import type { Vault } from './vault.ts';

/*
 * Our client identities at the authorization servers that upstreams lead to.
 *
 * - The client that the operator named comes first. The address of our metadata document comes second, where the server
 *   reads such documents. A registration (RFC 7591) comes last.
 * - A registration belongs to the issuer that gave it. It is stored under this issuer, sealed for it, and found under no
 *   other.
 * - Two replicas that register at the same time use the same registration afterwards.
 * - The next login makes a new registration where the old one ended or the server does not know it any more.
 */

const LIMITS = { timeoutMs: 10_000, maxResponseBytes: 64 * 1024 };
const METHODS = ['client_secret_basic', 'client_secret_post', 'none'] as const;
export type AuthMethod = (typeof METHODS)[number];

/** Who we are at one authorization server. */
export interface ClientIdentity {
  readonly how: 'named' | 'document' | 'registration';
  readonly clientId: string;
  readonly secret?: string | undefined;
  readonly method?: AuthMethod | undefined;
}

/** The sealed part of a registration. */
const Sealed = z.object({
  client_id: z.string().min(1).max(2_048),
  client_secret: z.string().max(4_096).optional(),
  token_endpoint_auth_method: z.enum(METHODS).optional(),
});

export interface RegistrationParts {
  readonly registrations: Registrations;
  readonly vault: Vault;
  readonly redirectUri: string;
  /** The address of our metadata document; undefined: it has none. */
  readonly documentUrl: string | undefined;
}

export interface RegisterAsk {
  readonly provider: string;
  readonly title: string;
  readonly found: Found;
  readonly scopes: readonly string[];
  readonly fetch: SafeFetch;
  readonly named: ClientIdentity | undefined;
}

export class ClientRegistrations {
  readonly #parts: RegistrationParts;

  constructor(parts: RegistrationParts) {
    this.#parts = parts;
  }

  get redirectUri(): string {
    return this.#parts.redirectUri;
  }

  /** The metadata document that authorization servers read about us; null where it has no address. */
  document(): Record<string, unknown> | null {
    const { documentUrl } = this.#parts;
    if (documentUrl === undefined) return null;
    return { client_id: documentUrl, ...this.#aboutUs(), token_endpoint_auth_method: 'none' };
  }

  /** Finds our identity at a server, and registers where there is none. Throws `provider_unusable` where that fails. */
  async identify(ask: RegisterAsk): Promise<ClientIdentity> {
    const { named, found, provider } = ask;
    if (named) return named;
    const { documentUrl } = this.#parts;
    if (documentUrl !== undefined && found.metadata.client_id_metadata_document_supported === true)
      return { how: 'document', clientId: documentUrl };
    const known = await this.#stored(provider, found.issuer);
    return known ?? this.#register(ask);
  }

  /** The identity with the client id of an earlier grant; undefined: this client is not ours any more. */
  async known(provider: string, issuer: string, clientId: string, named?: ClientIdentity) {
    if (named) return named.clientId === clientId ? named : undefined;
    if (clientId === this.#parts.documentUrl) return { how: 'document', clientId } satisfies ClientIdentity;
    const stored = await this.#stored(provider, issuer);
    return stored?.clientId === clientId ? stored : undefined;
  }

  /** Removes a registration that the server does not know any more, so that the next login makes a new one. */
  async forget(provider: string, issuer: string, { how, clientId }: ClientIdentity): Promise<void> {
    if (how === 'registration') await this.#parts.registrations.remove({ provider, issuer, clientId });
  }

  /** Seals registrations under older keys anew; answers how many. */
  async resealAll(isStopped: () => boolean): Promise<number> {
    const { registrations, vault } = this.#parts;
    for (let count = 0; ;) {
      const page = isStopped() ? [] : await registrations.sealedOtherwise(vault.kid, 100);
      let done = 0;
      for (const registration of page) done += (await this.#open(registration)) ? 1 : 0;
      count += done;
      if (done === 0) return count;
    }
  }

  async #stored(provider: string, issuer: string): Promise<ClientIdentity | undefined> {
    const { registrations, redirectUri } = this.#parts;
    const found = await registrations.get({ provider, issuer });
    if (found?.redirectUri !== redirectUri) return undefined;
    const identity = await this.#open(found);
    // Its key is gone, so no replica can use this registration, and it would block a new one.
    if (!identity) await registrations.remove(found);
    return identity;
  }

  /** Opens a registration for its own issuer. Undefined where it does not open: it counts as no registration. */
  async #open(registration: Registration): Promise<ClientIdentity | undefined> {
    const { vault, registrations } = this.#parts;
    const owner = ownerOf(registration);
    const opened = await vault.open(owner, 'client', registration.sealed).catch(() => undefined);
    if (!opened) return undefined;
    if (opened.stale) {
      const { sealed, kid } = await vault.seal(owner, 'client', opened.value);
      await registrations.reseal(registration, sealed, kid);
    }
    return identityOf(Sealed.parse(opened.value));
  }

  async #register(ask: RegisterAsk): Promise<ClientIdentity> {
    const { provider, title, found } = ask;
    const { metadata, issuer } = found;
    if (metadata.registration_endpoint === undefined)
      throw new AppError(
        'provider_unusable',
        `${title} does not let us register: register Switchyard at ${hostOf(issuer)} with the redirect address ${this.#parts.redirectUri}, and name oauth.client_id and oauth.issuer.`,
      );
    const told = await this.#ask(ask).catch((error: unknown) => {
      if (error instanceof AppError) throw error;
      const status = error instanceof mcpSdk().RegistrationRejectedError ? ` (HTTP ${error.status})` : '';
      throw new AppError('provider_unusable', `${title} refused to register us${status}.`, { cause: error });
    });
    const parsed = safeParse(Sealed, told);
    if (!parsed.success)
      throw new AppError('provider_unusable', `${title} registered us in a way that we cannot use.`, {
        cause: parsed.error,
      });
    const { client_secret_expires_at: until } = told as { client_secret_expires_at?: unknown };
    const registration: Registration = {
      provider,
      issuer,
      clientId: parsed.data.client_id,
      redirectUri: this.#parts.redirectUri,
      ...(await this.#parts.vault.seal(ownerOf({ provider, issuer }), 'client', parsed.data)),
      expiresAt: typeof until === 'number' && until > 0 ? Math.round(until * 1_000) : null,
    };
    // Where another replica registered meanwhile, its registration counts for both.
    const counts = await this.#parts.registrations.save(registration);
    const identity = counts.clientId === registration.clientId ? identityOf(parsed.data) : await this.#open(counts);
    if (identity) return identity;
    // The other replica sealed it with a key that this replica does not have.
    throw new AppError('unavailable', 'A registration does not open; all replicas need the same VAULT_KEYS.');
  }

  #ask({ found, scopes, fetch }: RegisterAsk): Promise<unknown> {
    const { issuer, metadata } = found;
    const { registerClient } = mcpSdk();
    const clientMetadata = {
      ...this.#aboutUs(),
      token_endpoint_auth_method: methodToRegister(metadata),
      ...(scopes.length === 0 ? {} : { scope: scopes.join(' ') }),
    };
    return registerClient(issuer, {
      metadata: metadata as Parameters<typeof registerClient>[1]['metadata'] & object,
      clientMetadata: clientMetadata as Parameters<typeof registerClient>[1]['clientMetadata'],
      fetchFn: (input, init) => fetch(input, { ...init, ...LIMITS }),
    });
  }

  #aboutUs() {
    const { redirectUri } = this.#parts;
    const { origin, hostname } = new URL(redirectUri);
    const isLoopback = /^(localhost|.*\.localhost|127\.0\.0\.1|\[::1\])$/.test(hostname);
    return {
      client_name: 'Switchyard',
      client_uri: origin,
      redirect_uris: [redirectUri],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      application_type: isLoopback ? 'native' : 'web',
    };
  }
}

/** Prefers methods with a secret, since we can keep one. RFC 8414: a server that lists no methods takes basic. */
export function methodToRegister({ token_endpoint_auth_methods_supported: supported }: ServerMetadata): AuthMethod {
  return METHODS.find((method) => supported?.includes(method)) ?? 'client_secret_basic';
}

function identityOf({
  client_id: clientId,
  client_secret: secret,
  token_endpoint_auth_method: method,
}: z.infer<typeof Sealed>): ClientIdentity {
  return { how: 'registration', clientId, secret, method };
}

/** Binds a registration to its issuer, which takes the place of the user; a registration has no tenant. */
function ownerOf({ provider, issuer }: Pick<Registration, 'provider' | 'issuer'>) {
  return { tenantId: '-', userId: sha256(issuer), provider };
}

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : 'its authorization server';
}
