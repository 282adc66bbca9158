/* Requests of peers to our gateway. */

export type { AskGateway } from './gateway-over-bus.ts';
export { createServed, type Served } from './create-inbound.ts';
