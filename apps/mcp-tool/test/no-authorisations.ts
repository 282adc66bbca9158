import type { ProviderAuthorisations } from '../src/catalog/visibility.ts';

/** Where no provider asks its users for anything. */
export const NO_AUTHORISATIONS: ProviderAuthorisations = {
  statusOf: () => Promise.resolve({ status: 'not_needed' }),
  epochOf: () => 0,
};
