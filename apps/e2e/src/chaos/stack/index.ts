/* A stack whose parts can be killed, cut off and slowed down. */

export { type BackendName, BACKENDS } from './backend.ts';
export { MUTANTS } from './mutants.ts';
export { type Passing, PassingReader, type PointAction, REPLY_POINT, type ReplyFault } from './points.ts';
export type { Toxic, ToxicName } from './proxy.ts';
export type { CHAOS_TOOLS } from './tools.ts';
export { LINK_NAMES, REPLICAS } from './topology.ts';
export { type AgentMessage, type Effect, readTruth } from './truth-log.ts';
