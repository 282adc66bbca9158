/* The log tree: folders of runs that a person can read, written, bounded and pruned. */

export { DiskThread } from './disk-thread.ts';
export { LogTreePruner } from './pruner.ts';
export { LogTreeWriter } from './writer.ts';
export { maskedOf } from './masked-fact.ts';
