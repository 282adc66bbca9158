import { parentPort, workerData } from 'node:worker_threads';
import { type RunLines, TreeDisk, type TreeDiskOptions } from './tree-disk.ts';

/* The thread that DiskThread starts: one batch of lines in, one answer out. */

export type Answer = { readonly error?: string };

const disk = new TreeDisk(workerData as TreeDiskOptions);
parentPort?.on('message', (runs: readonly RunLines[]) => {
  let answer: Answer = {};
  try {
    disk.write(runs);
  } catch (error) {
    answer = { error: error instanceof Error ? error.message : String(error) };
  }
  parentPort?.postMessage(answer);
});
