/* The diagnosis of the bus. */

export type { Trial } from './permission-trials.ts';
export type { BucketSeen, ConsumerSeen, StreamSeen } from './probe-jetstream.ts';
export { type BusSeen, probeBus, type ProbeOptions } from './probe.ts';
