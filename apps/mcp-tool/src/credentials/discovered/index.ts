/* Providers that an upstream names itself. */

export { DiscoveredProviders } from './providers.ts';
