/* The interface of the bus, and its wire format. */

export type {
  Bus,
  BusStatus,
  Call,
  ConsumedMessage,
  ConsumeOptions,
  Following,
  FollowOptions,
  Handler,
  RequestOptions,
  Subscription,
  WakeUp,
  WakeUpOptions,
} from './bus.ts';
export type { Caller } from './caller-signature.ts';
export { type BusTrust, Callers, operatorAsked } from './callers.ts';
export { createInstruments, type Instruments } from './instruments.ts';
export { answered, asked, consumed, inTraceOf, published, type TakenFact, traceHeaders } from './messaging-spans.ts';
export {
  addressed,
  decode,
  decodeRefusal,
  encode,
  encodeEvent,
  encodeRefusal,
  FRAME_INTERVAL_MS,
  HEADER,
  LOST_AFTER_MS,
  readMessage,
  runEventOn,
  systemEventOn,
} from './protocol.ts';
export { RECORD_KEY, type Records, type RecordsOptions, type SharedRecord } from './records.ts';
export { Reorder } from './reorder.ts';
export { DRAIN_LIMIT_MS, settledWithin } from './settle.ts';
export { SystemEventSequencer } from './system-event-sequencer.ts';
export type { Wire, WireMessage, WireSubscription } from './wire.ts';
