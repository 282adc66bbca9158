/* The authorisations of users: how they are asked for, kept, renewed and taken back. */

export { AuthHandler } from './auth.handler.ts';
export { Authorisations } from './authorisations.ts';
export { TokenManager } from './token-manager.ts';
export { ProviderRegistry, type NotSetUp } from './provider-registry.ts';
export { ProviderLogins } from './provider-logins.ts';
