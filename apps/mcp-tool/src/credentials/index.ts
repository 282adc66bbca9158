/* The authorisations of users: how they are asked for, kept, renewed and taken back. */

export { AuthHandler } from './auth.handler.ts';
export { Authorisations } from './authorisations.ts';
export { CredentialKeeper } from './credential-keeper.ts';
export { KnownProviders, type NotSetUp } from './known-providers.ts';
export { ProviderLogins } from './provider-logins.ts';
