/* The load of a round: the requests of its clients, and what the clients received. */

export { ChaosClient } from './client.ts';
export { readWhole, type SeenFrame } from './frames.ts';
export { type Random, seededRandom } from './random.ts';
export { mayBeRepeated, scriptOf } from './script.ts';
export type { Transcript } from './transcript.ts';
export { planWorkload } from './workload.ts';
