/* Requests of our services to peers. */

export { type BusCall, CarryOverBus } from './carry-over-bus.ts';
export { type Asked, Outbound } from './outbound.ts';
