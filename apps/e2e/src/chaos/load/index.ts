/* The load of a round: what its clients ask, and what they hear. */

export { ChaosClient } from './client.ts';
export { readWhole, type SeenFrame } from './frames.ts';
export { type Random, seededRandom } from './random.ts';
export { mayBeRepeated, scriptOf } from './script.ts';
export type { Transcript } from './transcript.ts';
export { planWorkload } from './workload.ts';
