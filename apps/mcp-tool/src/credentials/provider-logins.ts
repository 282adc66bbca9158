import { randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';
import type { SystemEventPublisher } from '@switchyard/bus';
import {
  AppError,
  type finishAuthorisation,
  type InputOf,
  type OutputOf,
  sha256,
  type startAuthorisation,
} from '@switchyard/contracts';
import type { Clock, Logger } from '@switchyard/platform';
import type { Connections } from '@switchyard/store';
import { logEvent } from '../log-events.ts';
import { idsOf, isOf, type Owner, ownerOf } from './authorisation-views.ts';
import type { TokenManager } from './token-manager.ts';
import type { ProviderRegistry } from './provider-registry.ts';
import { type Grant, type Provider, Refused, union } from '../oauth/index.ts';
import type { Vault } from '../oauth/vault.ts';

/*
 * The login of a person at a provider, from the address where it begins to the credential that it gives.
 *
 * - The state of a login is random, valid once and for ten minutes, and only for the browser that began the login. The
 *   first request with this state ends the login, even if its answer is wrong.
 * - The audit gets the reason of a refusal. The caller learns only that the login was refused, and what to do.
 * - A user who authorises anew is also asked for the scopes that the same issuer was asked for before.
 */

const LOGIN_TTL_MS = 600_000;

export interface ProviderLoginsParts {
  readonly providers: ProviderRegistry;
  readonly connections: Connections;
  readonly vault: Vault;
  readonly tokens: TokenManager;
  readonly systemEvents: Pick<SystemEventPublisher, 'publish'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly onConnected: (owner: Owner) => void;
}

export class ProviderLogins {
  readonly #parts: ProviderLoginsParts;

  constructor(parts: ProviderLoginsParts) {
    this.#parts = parts;
  }

  /** Begins a login, and answers the address that the browser opens. */
  async start(input: InputOf<typeof startAuthorisation>): Promise<OutputOf<typeof startAuthorisation>> {
    const { connections, providers, vault, clock, systemEvents } = this.#parts;
    const client = providers.get(input.provider);
    const owner = ownerOf(input.principal, input.provider);
    const attempt = randomBytes(9).toString('base64url');
    const state = `${attempt}.${randomBytes(32).toString('base64url')}`;
    const verifier = randomBytes(48).toString('base64url');
    const planned = await client
      .plan(state, verifier, await this.#askedBefore(client, owner))
      .catch((error: unknown) => {
        const reason = error instanceof AppError ? error.code : 'internal';
        systemEvents.publish({ type: 'tools.provider.refused', data: { ...idsOf(owner), where: 'start', reason } });
        throw error;
      });
    const { url: authorizationUrl, grant } = planned;
    const { sealed } = await vault.seal(owner, 'login', { verifier, grant });
    const login = { ...owner, sessionHash: input.session, sealed, returnTo: input.returnTo ?? null };
    const begun = await connections.beginLogin(sha256(state), login, LOGIN_TTL_MS);
    if (!begun)
      throw new AppError('rate_limited', 'Too many authorisations are under way; finish one or wait ten minutes.', {
        retryAfterMs: 60_000,
      });
    return { authorizationUrl, attempt, expiresAt: clock.now() + LOGIN_TTL_MS };
  }

  /** Ends a login with the parameters that the browser came back with. */
  async finish(input: InputOf<typeof finishAuthorisation>): Promise<OutputOf<typeof finishAuthorisation>> {
    const { connections, providers, vault, systemEvents, log } = this.#parts;
    const { state, ...answer } = input.params;
    // Takes the login out of the store, so that its state is of no use a second time.
    const login = state === undefined ? undefined : await connections.takeLogin(sha256(state));
    if (state === undefined || !login) throw refused();
    const refuse = (reason: string, cause?: unknown): AppError => {
      systemEvents.publish({ type: 'tools.provider.refused', data: { ...idsOf(login), where: 'callback', reason } });
      logEvent(log, 'authorisation_not_completed', { err: cause, provider: login.provider, reason });
      return refused(cause);
    };
    if (input.session === null || !sameDigest(input.session, login.sessionHash)) throw refuse('other_session');
    const client = providers.find(login.provider);
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
    systemEvents.publish({ type: 'tools.provider.connected', data: { ...idsOf(login), scopes: [...granted.scopes] } });
    this.#parts.onConnected(login);
    return { provider, title: client.config.title, returnTo };
  }

  /** The scopes that this user was asked for at the same issuer, and those that tools wanted beyond them. */
  async #askedBefore(client: Provider, owner: Owner): Promise<string[]> {
    const connection = await this.#parts.connections.get(owner);
    if (!connection || !isOf(client, connection)) return [];
    const credential = await this.#parts.tokens.open(connection).catch(() => undefined);
    return union(credential?.grant?.asked ?? [], connection.wantedScopes);
  }
}

const UNAVAILABLE: ReadonlySet<string> = new Set(['upstream_timeout', 'unavailable', 'egress_blocked']);

/** The same error for every refusal; the audit has the reason. */
function refused(cause?: unknown): AppError {
  return new AppError('authorisation_refused', undefined, { cause: cause instanceof Refused ? cause.cause : cause });
}

/** Passes error codes of OAuth, and no other text that an outsider could have put into the address. */
function safeReason(error: string): string {
  return /^[a-z_]{1,40}$/.test(error) ? error : 'provider_error';
}

function sameDigest(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}
