/* OAuth as a client: providers, their metadata, and the vault for their credentials. */

export { AUTH_METHODS, authOf, keyAuth, methodFor } from './client-auth.ts';
export { type ClientIdentity, ClientRegistrations } from './client-registrations.ts';
export { discover, type Found, probe } from './discovery.ts';
export { ProviderClient } from './provider-client.ts';
export { ClientRefused, Refused } from './provider-faults.ts';
export { Credential, type Grant, type Granted, type LoginPlan, type Provider } from './provider.ts';
export {
  type Challenge,
  Challenged,
  challengedIn,
  challengeOf,
  scopesIn,
  scopesToAsk,
  stepUp,
  union,
} from './rules.ts';
export { asUser, refusalIn, type TokenOf, TokenRefused, type UserTokens } from './user-token.ts';
