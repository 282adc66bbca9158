import { createHash, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';
import {
  AppError,
  type InputOf,
  type finishAuthorisation,
  type LiveStatus,
  type OutputOf,
  type Principal,
  type ProviderView,
  type Revocation,
  sha256,
  type startAuthorisation,
} from '@switchyard/contracts';
import type { Clock, Logger } from '@switchyard/platform';
import type { Connection, Connections } from '@switchyard/store';
import { type CredentialKeeper, notConnected } from './credential-keeper.ts';
import { type Challenged, stepUp, union } from './oauth-rules.ts';
import { type Credential, type Grant, type Provider, Refused } from './provider-client.ts';
import type { Teller } from './teller.ts';
import type { Vault } from './vault.ts';
import type { ProviderAuthorisations, ProviderStatus } from './visibility.ts';

/*
 * What users authorise at providers: begins, finishes, shows and revokes it.
 *
 * A1 The state of a login is random, used once, valid for ten minutes, and for the browser alone that began it; whoever
 *    brings it ends it, also with a wrong answer.
 * A2 A revocation holds from the moment it is committed here; the provider is told after that.
 * A3 A credential of an issuer is that issuer's: where the operator names another one, the user authorises anew.
 * A5 An upstream that does not take a token is a reason to renew it once, or to ask its user for more; never to send it
 *    elsewhere, and never to ask a user again for what was asked before.
 * A4 Why a login was refused is for the audit; the caller learns that it was, and what to do.
 */

const LOGIN_TTL_MS = 600_000;

export interface AuthorisationsParts {
  readonly connections: Connections;
  readonly vault: Vault;
  readonly keeper: CredentialKeeper;
  readonly teller: Pick<Teller, 'tell'>;
  readonly clock: Clock;
  readonly log: Logger;
  /** Where a person authorises a provider. */
  readonly pageOf: (provider: string) => string;
}

/** Where it is known that there are providers; who comes first has the name. */
type Source = 'named' | 'discovered';

interface Owner {
  readonly tenantId: string;
  readonly userId: string;
  readonly provider: string;
}

/** Told of every change that happens in this process. */
export type ChangeListener = (owner: Owner, change: 'connected' | 'gone') => void;

export class Authorisations implements ProviderAuthorisations {
  readonly #listeners = new Set<ChangeListener>();
  readonly #sources = new Map<Source, ReadonlyMap<string, Provider>>();
  #clients: ReadonlyMap<string, Provider> = new Map();
  /** Another text where the providers, or who they are, are others. */
  #providers = '';

  constructor(private readonly parts: AuthorisationsParts) {
    parts.keeper.onExpired((owner) => this.#changed(owner, 'gone'));
  }

  /** The providers of this source that there are from now on. */
  use(clients: ReadonlyMap<string, Provider>, source: Source = 'named'): void {
    this.#sources.set(source, clients);
    this.#clients = new Map([...(this.#sources.get('discovered') ?? []), ...(this.#sources.get('named') ?? [])]);
    const issuers = [...this.#clients.values()].map(({ config }) => `${config.id} ${config.issuer ?? ''}`);
    this.#providers = sha256(issuers.sort().join('\n')).slice(0, 8);
  }

  /** Calls `listener` after each change; the answer ends that. */
  onChange(listener: ChangeListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  async statusOf(principal: Principal, provider: string): Promise<ProviderStatus> {
    const client = this.#clients.get(provider);
    if (!client) return { status: 'not_needed' };
    const connection = await this.#connection(ownerOf(principal, provider), client);
    if (!connection) return { status: 'missing' };
    return connection.status === 'expired'
      ? { status: 'expired' }
      : { status: 'authorised', scopes: connection.scopes };
  }

  /** Says also which providers there are: replicas that know others have other epochs. */
  async epochOf(principal: Principal): Promise<string> {
    if (this.#clients.size === 0) return '0';
    return `${this.#providers}:${await this.parts.connections.epoch(principal)}`;
  }

  /** The access token of this user for the provider, renewed where it is due. Throws `provider_not_connected`. */
  async tokenOf(principal: Principal, provider: string): Promise<string> {
    const client = this.#client(provider);
    const connection = await this.#connection(ownerOf(principal, provider), client);
    return this.parts.keeper.tokenOf(client, connection);
  }

  /** A5. Resolves where there is another token by now; throws, with what the user is to do, where there is none. */
  async challenged(principal: Principal, provider: string, refusal: Challenged): Promise<void> {
    const client = this.#client(provider);
    const owner = ownerOf(principal, provider);
    const { status, scopes } = refusal.challenge;
    const connection = await this.#connection(owner, client);
    if (connection?.status !== 'connected') throw notConnected(client, this.parts.pageOf);
    const credential = await this.parts.keeper.open(connection);
    if (!refusal.wasFor(credential.access_token)) return;
    if (status === 403) {
      const asked = stepUp(scopes, union(connection.scopes, credential.grant?.asked ?? []));
      const { title } = client.config;
      if (!asked) throw new AppError('forbidden', `${title} does not allow this with what you granted.`);
      await this.parts.connections.wantScopes(connection.connectionId, asked);
      throw notConnected(
        client,
        this.parts.pageOf,
        `${title} wants more than you granted for this: ${scopes.join(', ')}.`,
      );
    }
    if (credential.refresh_token === undefined) {
      await this.parts.keeper.expire(connection);
      throw notConnected(client, this.parts.pageOf);
    }
    await this.parts.keeper.tokenOf(client, connection, { now: true });
  }

  async list(principal: Principal): Promise<ProviderView[]> {
    if (this.#clients.size === 0) return [];
    const found = await this.parts.connections.list(principal);
    const byProvider = new Map(found.map((connection) => [connection.provider, connection]));
    return [...this.#clients.values()].map((client) => viewOf(client, byProvider.get(client.config.id)));
  }

  async start(input: InputOf<typeof startAuthorisation>): Promise<OutputOf<typeof startAuthorisation>> {
    const { connections, vault, clock, teller } = this.parts;
    const client = this.#client(input.provider);
    const owner = ownerOf(input.principal, input.provider);
    const attempt = randomBytes(9).toString('base64url');
    const state = `${attempt}.${randomBytes(32).toString('base64url')}`;
    const verifier = randomBytes(48).toString('base64url');
    const planned = await client.plan(state, verifier, await this.#askedBefore(owner)).catch((error: unknown) => {
      const reason = error instanceof AppError ? error.code : 'internal';
      teller.tell({ type: 'tools.provider.refused', data: { ...idsOf(owner), where: 'start', reason } });
      throw error;
    });
    const { url: authorizationUrl, grant } = planned;
    const { sealed } = await vault.seal(owner, 'login', { verifier, grant });
    const login = { ...owner, sessionHash: input.session, sealed, returnTo: input.returnTo ?? null };
    const begun = await connections.beginLogin(hashOf(state), login, LOGIN_TTL_MS);
    if (!begun)
      throw new AppError('rate_limited', 'Too many authorisations are under way; finish one or wait ten minutes.', {
        retryAfterMs: 60_000,
      });
    return { authorizationUrl, attempt, expiresAt: clock.now() + LOGIN_TTL_MS };
  }

  async finish(input: InputOf<typeof finishAuthorisation>): Promise<OutputOf<typeof finishAuthorisation>> {
    const { connections, vault, teller, log } = this.parts;
    const { state, ...answer } = input.params;
    const login = state === undefined ? undefined : await connections.takeLogin(hashOf(state)); // A1
    if (state === undefined || !login) throw refused();
    const refuse = (reason: string, cause?: unknown): AppError => {
      teller.tell({ type: 'tools.provider.refused', data: { ...idsOf(login), where: 'callback', reason } });
      log.warn({ err: cause, provider: login.provider, reason }, 'an authorisation was not completed');
      return refused(cause);
    };
    if (input.session === null || !sameDigest(input.session, login.sessionHash)) throw refuse('other_session');
    const client = this.#clients.get(login.provider);
    if (!client) throw refuse('provider_gone');
    if (answer.error === undefined && answer.code === undefined) throw refuse('no_code');
    const opened = await vault.open(login, 'login', login.sealed).catch((error: unknown) => {
      throw refuse('unreadable', error);
    });
    const { verifier, grant } = opened.value as { verifier: string; grant?: Grant };
    const params = Object.fromEntries(
      Object.entries({ state, ...answer }).filter((entry): entry is [string, string] => entry[1] !== undefined),
    );
    const granted = await client.exchange(params, state, verifier, grant).catch((error: unknown) => {
      if (error instanceof AppError && UNAVAILABLE.has(error.code)) throw refuse('provider_away', error);
      throw refuse(answer.error === undefined ? 'exchange' : safeReason(answer.error), error);
    });
    await connections.save({
      connectionId: randomUUID(),
      tenantId: login.tenantId,
      userId: login.userId,
      provider: login.provider,
      issuer: granted.credential.grant?.issuer ?? client.config.issuer ?? '',
      scopes: granted.scopes,
      expiresAt: granted.expiresAt,
      ...(await vault.seal(login, 'credential', granted.credential)),
    });
    const { provider, returnTo } = login;
    teller.tell({ type: 'tools.provider.connected', data: { ...idsOf(login), scopes: [...granted.scopes] } });
    this.#changed(login, 'connected');
    return { provider, title: client.config.title, returnTo };
  }

  async refresh(principal: Principal, provider: string): Promise<ProviderView> {
    const client = this.#client(provider);
    const owner = ownerOf(principal, provider);
    await this.parts.keeper.tokenOf(client, await this.#connection(owner, client), { now: true });
    return viewOf(client, await this.#connection(owner, client));
  }

  async live(principal: Principal, provider: string): Promise<LiveStatus> {
    const client = this.#client(provider);
    const owner = ownerOf(principal, provider);
    const view = async () => viewOf(client, await this.#connection(owner, client));
    const connection = await this.#connection(owner, client);
    if (connection?.status !== 'connected') return { ...(await view()), live: 'inactive', checked_by: 'nothing' };
    try {
      await this.parts.keeper.tokenOf(client, connection); // Renewed where that is due.
      const current = await this.#connection(owner, client);
      const checked = current && (await client.check(await this.parts.keeper.open(current)));
      if (!checked) return { ...(await view()), live: 'unknown', checked_by: 'nothing' };
      if (checked.active) return { ...(await view()), live: 'active', checked_by: checked.by };
      // The token was taken back there; whether the authorisation was too is told by a renewal.
      const latest = await this.#connection(owner, client);
      await this.parts.keeper.tokenOf(client, latest, { now: true });
      return { ...(await view()), live: 'active', checked_by: 'refresh' };
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'provider_not_connected') throw error;
      return { ...(await view()), live: 'inactive', checked_by: 'refresh' };
    }
  }

  /** A2 */
  async revoke(principal: Principal, provider: string): Promise<Revocation> {
    const { connections, vault, teller, log } = this.parts;
    const client = this.#client(provider);
    const owner = ownerOf(principal, provider);
    const gone = await connections.remove(owner);
    if (!gone) return { provider, revoked: false, at_provider: 'nothing' };
    this.#changed(owner, 'gone');
    const tell = async (): Promise<Revocation['at_provider']> => {
      if (!isOf(client, gone)) return 'not_supported'; // A3: not this issuer's to hear of.
      const { value } = await vault.open(owner, 'credential', gone.sealed);
      return (await client.revoke(value as Credential)) ? 'revoked' : 'not_supported';
    };
    const at_provider = await tell().catch((error: unknown) => {
      log.warn({ err: error, provider }, 'a provider was not told of a revocation');
      return 'failed' as const;
    });
    teller.tell({ type: 'tools.provider.revoked', data: { ...idsOf(owner), at_provider } });
    return { provider, revoked: true, at_provider };
  }

  #client(provider: string): Provider {
    const client = this.#clients.get(provider);
    if (!client) throw new AppError('not_found', 'There is no such provider.');
    return client;
  }

  /** A3 */
  async #connection(owner: Owner, client: Provider): Promise<Connection | undefined> {
    const connection = await this.parts.connections.get(owner);
    return connection && isOf(client, connection) ? connection : undefined;
  }

  /** What this user was asked for by the same issuer, and tools wanted beyond it. */
  async #askedBefore(owner: Owner): Promise<string[]> {
    const connection = await this.parts.connections.get(owner);
    if (!connection || !isOf(this.#client(owner.provider), connection)) return [];
    const credential = await this.parts.keeper.open(connection).catch(() => undefined);
    return union(credential?.grant?.asked ?? [], connection.wantedScopes);
  }

  #changed({ tenantId, userId, provider }: Owner, change: 'connected' | 'gone'): void {
    for (const listener of this.#listeners) listener({ tenantId, userId, provider }, change);
  }
}

const UNAVAILABLE: ReadonlySet<string> = new Set(['upstream_timeout', 'unavailable', 'egress_blocked']);

function ownerOf({ tenantId, userId }: Principal, provider: string): Owner {
  return { tenantId, userId, provider };
}

function idsOf({ tenantId, userId, provider }: Owner) {
  return { tenant_id: tenantId, user_id: userId, provider };
}

/** A3. Before it was found out whose provider it is, what is there counts. */
function isOf({ config }: Provider, { issuer }: Pick<Connection, 'issuer'>): boolean {
  return config.issuer === undefined || config.issuer === issuer;
}

/** A4 */
function refused(cause?: unknown): AppError {
  return new AppError('authorisation_refused', undefined, { cause: cause instanceof Refused ? cause.cause : cause });
}

/** An error code of OAuth, and nothing that a stranger wrote into the address. */
function safeReason(error: string): string {
  return /^[a-z_]{1,40}$/.test(error) ? error : 'provider_error';
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function sameDigest(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}

export function viewOf(client: Provider, found: Connection | undefined): ProviderView {
  const { id: provider, title, scopes, issuer } = client.config;
  const connection = found && isOf(client, found) ? found : undefined;
  const missing = connection?.wantedScopes.filter((scope) => !connection.scopes.includes(scope));
  return {
    provider,
    title,
    status: connection?.status ?? 'not_connected',
    authorized: connection?.status === 'connected',
    scopes: [...(connection?.scopes ?? scopes)],
    missing_scopes: missing ?? [],
    issuer: issuer ?? connection?.issuer ?? null,
    expires_at: connection?.expiresAt ?? null,
    connected_at: connection?.createdAt ?? null,
  };
}
