import { Worker } from 'node:worker_threads';
import type { Answer } from './disk-worker.ts';
import type { RunLines, TreeDiskOptions } from './tree-disk.ts';

/*
 * A thread that writes the log tree, so that a blocked disk stops nothing else.
 *
 * - A blocking append costs some 7 us of CPU, an asynchronous one some 95 (Node.js 24), and a run is some fifteen of them.
 * - The thread starts with the first batch, and again after a crash. It keeps no process alive.
 * - At most one batch is under way.
 */

/** The sources run without a build in tests. */
const WORKER = new URL(import.meta.url.endsWith('.ts') ? './disk-worker.ts' : './disk-worker.js', import.meta.url);
const LIMITS = { maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 8 };

interface UnderWay {
  resolve(): void;
  reject(error: Error): void;
}

export class DiskThread {
  readonly #options: TreeDiskOptions;
  #worker: Worker | undefined;
  #underWay: UnderWay | undefined;

  constructor(options: TreeDiskOptions) {
    this.#options = options;
  }

  /** Rejects if the disk refuses, or the thread died. */
  write(runs: readonly RunLines[]): Promise<void> {
    if (this.#underWay) return Promise.reject(new Error('the batch before is not written yet'));
    return new Promise((resolve, reject) => {
      // A thread that cannot start must leave no batch under way.
      const worker = (this.#worker ??= this.#start());
      this.#underWay = { resolve, reject };
      worker.postMessage(runs);
    });
  }

  async close(): Promise<void> {
    await this.#worker?.terminate();
  }

  #start(): Worker {
    const worker = new Worker(WORKER, { workerData: this.#options, resourceLimits: LIMITS, execArgv: [] });
    worker.unref();
    worker.on('message', ({ error }: Answer) => this.#settle(error === undefined ? undefined : new Error(error)));
    worker.on('error', (error: Error) => this.#settle(error));
    worker.on('exit', () => {
      this.#worker = undefined;
      this.#settle(new Error('the thread of the log tree ended'));
    });
    return worker;
  }

  #settle(error: Error | undefined): void {
    const underWay = this.#underWay;
    this.#underWay = undefined;
    if (error === undefined) underWay?.resolve();
    else underWay?.reject(error);
  }
}
