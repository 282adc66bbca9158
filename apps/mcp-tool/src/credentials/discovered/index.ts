/* Providers that upstreams name themselves. */

export { DiscoveredProviders } from './providers.ts';
