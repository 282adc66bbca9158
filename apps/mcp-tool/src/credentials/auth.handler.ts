import { Controller } from '@nestjs/common';
import { Handles } from '@switchyard/bus';
import {
  actorOrThrow,
  clientDocument,
  finishAuthorisation,
  type InputOf,
  listProviders,
  liveStatus,
  type LiveStatus,
  type OutputOf,
  type ProviderView,
  refreshAuthorisation,
  type Revocation,
  revokeAuthorisation,
  startAuthorisation,
} from '@switchyard/contracts';
import { Authorisations } from './authorisations.ts';
import { ClientRegistrations } from '../oauth/index.ts';
import { ProviderLogins } from './provider-logins.ts';

@Controller()
export class AuthHandler {
  readonly #authorisations: Authorisations;
  readonly #logins: ProviderLogins;
  readonly #clients: ClientRegistrations;

  constructor(authorisations: Authorisations, logins: ProviderLogins, clients: ClientRegistrations) {
    this.#authorisations = authorisations;
    this.#logins = logins;
    this.#clients = clients;
  }

  @Handles(clientDocument)
  client(): Promise<OutputOf<typeof clientDocument>> {
    return Promise.resolve({ document: this.#clients.document() });
  }

  @Handles(listProviders)
  async list({ principal }: InputOf<typeof listProviders>): Promise<OutputOf<typeof listProviders>> {
    return { providers: await this.#authorisations.list(principal) };
  }

  @Handles(startAuthorisation)
  async start(input: InputOf<typeof startAuthorisation>): Promise<OutputOf<typeof startAuthorisation>> {
    actorOrThrow(input.principal);
    return this.#logins.start(input);
  }

  @Handles(finishAuthorisation)
  finish(input: InputOf<typeof finishAuthorisation>): Promise<OutputOf<typeof finishAuthorisation>> {
    return this.#logins.finish(input);
  }

  @Handles(refreshAuthorisation)
  async refresh({ principal, provider }: InputOf<typeof refreshAuthorisation>): Promise<ProviderView> {
    actorOrThrow(principal);
    return this.#authorisations.refresh(principal, provider);
  }

  @Handles(liveStatus)
  live({ principal, provider }: InputOf<typeof liveStatus>): Promise<LiveStatus> {
    return this.#authorisations.live(principal, provider);
  }

  @Handles(revokeAuthorisation)
  async revoke({ principal, provider }: InputOf<typeof revokeAuthorisation>): Promise<Revocation> {
    actorOrThrow(principal);
    return this.#authorisations.revoke(principal, provider);
  }
}
