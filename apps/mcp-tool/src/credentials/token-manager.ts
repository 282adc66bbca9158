import { randomUUID } from 'node:crypto';
import type { SystemEventPublisher } from '@switchyard/bus';
import { AppError } from '@switchyard/contracts';
import { type Clock, type Logger, sleep } from '@switchyard/platform';
import type { Connection, Connections } from '@switchyard/store';
import { logEvent } from '../log-events.ts';
import { Credential, type Granted, type Provider, Refused } from '../oauth/index.ts';
import { Unreadable, type Vault } from '../oauth/vault.ts';

/*
 * Opens the credentials of connections, and renews them.
 *
 * - One process at a time renews a credential, once for all waiting callers. So a provider that accepts a refresh token
 *   only once sees it once.
 * - A renewal may end after the connection was revoked or replaced. The manager then revokes the new tokens at the
 *   provider, and no caller gets them.
 * - If the provider refuses to renew, the connection expires at once, for all replicas.
 * - While the token is valid, callers get it even if the provider is away.
 * - A credential for another issuer or resource than the provider's present one is never sent. It counts as expired.
 * - A credential under an old key is sealed anew under the first key when it is used. A sweep at the start seals the
 *   rest.
 */

/** A token that ends within this time is renewed before it is used. */
const RENEW_BEFORE_MS = 30_000;
/** Longer than a renewal may take. */
const RENEWAL_LEASE_MS = 20_000;
const LOOK_AGAIN_MS = 150;
const SWEEP_PAGE = 100;

export interface TokenManagerParts {
  readonly connections: Connections;
  readonly vault: Vault;
  readonly systemEvents: Pick<SystemEventPublisher, 'publish'>;
  readonly clock: Clock;
  readonly log: Logger;
  /** The page on which a person authorises a provider. */
  readonly pageOf: (provider: string) => string;
}

type Owner = Pick<Connection, 'tenantId' | 'userId' | 'provider'>;

export class TokenManager {
  readonly #renewals = new Map<string, Promise<string>>();
  readonly #listeners = new Set<(owner: Owner) => void>();
  readonly #instance = randomUUID();
  readonly #stop = new AbortController();
  #sweep: Promise<void> = Promise.resolve();

  readonly #parts: TokenManagerParts;

  constructor(parts: TokenManagerParts) {
    this.#parts = parts;
  }

  onExpired(listener: (owner: Owner) => void): void {
    this.#listeners.add(listener);
  }

  /** Starts the sweep over old keys. `others` seals the other secrets anew, and answers how many. */
  start(others: (isStopped: () => boolean) => Promise<number> = () => Promise.resolve(0)): void {
    this.#sweep = this.#resealAll(others).catch((error: unknown) => {
      logEvent(this.#parts.log, 'credentials_not_resealed', { err: error });
    });
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#sweep;
    await Promise.allSettled(this.#renewals.values());
  }

  /** The access token, renewed where it is due. `now`: renews it at any age. Throws `provider_not_connected`. */
  async tokenOf(client: Provider, connection: Connection | undefined, options?: { now: boolean }): Promise<string> {
    if (connection?.status !== 'connected') throw notConnected(client, this.#parts.pageOf);
    const credential = await this.open(connection);
    if (!client.mayUse(credential)) {
      await this.expire(connection);
      throw notConnected(client, this.#parts.pageOf);
    }
    const { expiresAt } = connection;
    const leftMs = expiresAt === null ? Infinity : expiresAt - this.#parts.clock.now();
    if (leftMs > RENEW_BEFORE_MS && !options?.now) return credential.access_token;
    try {
      return await this.#renewOnce(client, connection);
    } catch (error) {
      const refused = error instanceof AppError && error.code === 'provider_not_connected';
      if (refused || options?.now || leftMs <= 0) throw error;
      return credential.access_token; // The provider is away, and the token is still valid.
    }
  }

  /** Expires a connection for all replicas. Does nothing where it was renewed or replaced meanwhile. */
  async expire(connection: Connection): Promise<void> {
    const { connections } = this.#parts;
    if (!(await connections.claimRenewal(connection, this.#instance, RENEWAL_LEASE_MS))) return;
    if (!(await connections.endRenewal(connection, this.#instance, null))) return;
    const { tenantId, userId, provider } = connection;
    for (const listener of this.#listeners) listener({ tenantId, userId, provider });
  }

  /** Renews once for all callers of this process; the claim in the store keeps other processes out. */
  #renewOnce(client: Provider, connection: Connection): Promise<string> {
    const key = `${connection.connectionId}:${connection.version}`;
    const running = this.#renewals.get(key);
    if (running) return running;
    const renewal = this.#renew(client, connection).finally(() => this.#renewals.delete(key));
    this.#renewals.set(key, renewal);
    return renewal;
  }

  async #renew(client: Provider, connection: Connection): Promise<string> {
    const { connections, clock } = this.#parts;
    for (const until = clock.now() + RENEWAL_LEASE_MS; ;) {
      if (await connections.claimRenewal(connection, this.#instance, RENEWAL_LEASE_MS)) break;
      const latest = await connections.get(connection);
      if (latest?.connectionId !== connection.connectionId || latest.status !== 'connected')
        throw notConnected(client, this.#parts.pageOf);
      if (latest.version !== connection.version) return (await this.open(latest)).access_token;
      if (clock.now() >= until) throw new AppError('upstream_timeout', `${client.config.title} was not asked in time.`);
      await sleep(LOOK_AGAIN_MS * (0.75 + Math.random() / 2), this.#stop.signal);
    }
    const granted = await this.#ask(client, connection);
    const { sealed, kid } = await this.#parts.vault.seal(connection, 'credential', granted.credential);
    const { scopes, expiresAt } = granted;
    if (await connections.endRenewal(connection, this.#instance, { sealed, kid, scopes, expiresAt }))
      return granted.credential.access_token;
    // The connection was revoked or replaced meanwhile, so nobody may use the new tokens.
    await client.revoke(granted.credential).catch((error: unknown) => {
      logEvent(this.#parts.log, 'unused_tokens_not_revoked', { err: error, provider: connection.provider });
    });
    throw notConnected(client, this.#parts.pageOf);
  }

  async #ask(client: Provider, connection: Connection): Promise<Granted> {
    const { connections, systemEvents, log } = this.#parts;
    try {
      return await client.refresh(await this.open(connection));
    } catch (error) {
      if (error instanceof Refused) {
        const { tenantId, userId, provider } = connection;
        await connections.endRenewal(connection, this.#instance, null);
        logEvent(log, 'token_renewal_refused', { err: error, provider });
        const data = {
          tenant_id: tenantId,
          user_id: userId,
          provider,
          where: 'refresh' as const,
          reason: error.message,
        };
        systemEvents.publish({ type: 'tools.provider.refused', data });
        for (const listener of this.#listeners) listener({ tenantId, userId, provider });
        throw notConnected(client, this.#parts.pageOf);
      }
      // Gives the claim back, so that a process that waits may try.
      await connections.claimRenewal(connection, this.#instance, 0).catch(() => false);
      throw error;
    }
  }

  /** The credential of a connection, sealed anew if its key is old. Throws Unreadable. */
  async open(connection: Connection): Promise<Credential> {
    const { vault, systemEvents, log, connections } = this.#parts;
    try {
      const { value, stale } = await vault.open(connection, 'credential', connection.sealed);
      if (stale) {
        const { sealed, kid } = await vault.seal(connection, 'credential', value);
        await connections.reseal(connection, sealed, kid);
      }
      return Credential.parse(value);
    } catch (error) {
      if (error instanceof Unreadable) {
        const { tenantId: tenant_id, userId: user_id, provider, connectionId } = connection;
        logEvent(log, 'credential_unreadable', { err: error, connectionId, provider });
        systemEvents.publish({ type: 'tools.credential.unreadable', data: { tenant_id, user_id, provider } });
      }
      throw error;
    }
  }

  async #resealAll(others: (isStopped: () => boolean) => Promise<number>): Promise<void> {
    const { connections, vault, log } = this.#parts;
    let count = 0;
    for (let after = ''; !this.#stop.signal.aborted;) {
      const page = await connections.sealedOtherwise(vault.kid, { after, limit: SWEEP_PAGE });
      for (const connection of page) {
        // `open` reports a credential that does not open; the credential stays as it is.
        if (
          await this.open(connection).then(
            () => true,
            () => false,
          )
        )
          count += 1;
        after = connection.connectionId;
      }
      if (page.length < SWEEP_PAGE) break;
    }
    count += await others(() => this.#stop.signal.aborted);
    if (count > 0) logEvent(log, 'credentials_resealed', { count, kid: vault.kid });
  }
}

/** The error that tells the user where to authorise the provider. */
export function notConnected(
  { config: { id, title } }: Pick<Provider, 'config'>,
  pageOf: (provider: string) => string,
  why = `${title} is not authorised.`,
): AppError {
  return new AppError('provider_not_connected', `${why} Open ${pageOf(id)}`);
}
