/* The log tree: folders of runs that a person can read, written, bounded and pruned. */

export { LogTreePruner } from './pruner.ts';
export { LogTreeWriter } from './writer.ts';
