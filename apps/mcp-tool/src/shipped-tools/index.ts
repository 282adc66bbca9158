/* Tools of providers that ship: they act for a user who authorised their provider. */

export { shippedProviders, type ShippedSettings } from './providers.ts';
export { shippedTools } from './tools.ts';
