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
export type { BusTrust } from './callers.ts';
export type { Lease, LeaseOptions } from './lease.ts';
export { createMemoryBus, type MemoryHub } from './memory-bus.ts';
export { connectBus, type ConnectOptions } from './nats-bus.ts';
export { Handles, serveOnBus } from './nest.ts';
export { type BusSeen, probeBus, type ProbeOptions } from './probe.ts';
export type { BucketSeen, ConsumerSeen, StreamSeen } from './probe-jetstream.ts';
export { type Trial } from './permission-trials.ts';
export { prepareAnswer } from './prepared.ts';
export type { Records, RecordsOptions, SharedRecord } from './records.ts';
export { Reorder } from './reorder.ts';
export {
  createService,
  type Service,
  type ServiceConfig,
  type ServiceOverrides,
  type ServiceParts,
} from './service.ts';
export { CallerGone, Leaving, NobodyThere } from './leaving.ts';
