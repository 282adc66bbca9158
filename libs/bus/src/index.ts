export {
  type Bus,
  type BusStatus,
  type BusTrust,
  type Call,
  type Caller,
  type ConsumedMessage,
  type ConsumeOptions,
  type Following,
  type FollowOptions,
  type Handler,
  type Records,
  type RecordsOptions,
  Reorder,
  type RequestOptions,
  type SharedRecord,
  type Subscription,
  type WakeUp,
  type WakeUpOptions,
} from './protocol/index.ts';
export { SystemEventPublisher } from './events/index.ts';
export type { Lease, LeaseOptions } from './lease/index.ts';
export { createMemoryBus, type MemoryHub } from './memory/index.ts';
export { connectBus, type ConnectOptions } from './nats/index.ts';
export { Handles, serveOnBus, type Serving } from './nest.ts';
export {
  type BucketSeen,
  type BusSeen,
  type ConsumerSeen,
  probeBus,
  type ProbeOptions,
  type StreamSeen,
  type Trial,
} from './doctor/index.ts';
export {
  CallerLost,
  Detached,
  NoResponders,
  type OfferedAgent,
  offeredAgents,
  prepareAnswer,
} from './requests/index.ts';
export {
  createService,
  type Service,
  type ServiceConfig,
  type ServiceOverrides,
  type ServiceParts,
} from './service.ts';
