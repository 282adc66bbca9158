import { Worker } from 'node:worker_threads';
import type { Pixels } from './pixels.ts';
import type { Answer, Question } from './png-worker.ts';

/*
 * The thread that packs frames, one for all sessions. It starts with the first frame and again after a crash, and keeps no
 * process alive. At most `MAX_WAITING` frames wait for it.
 */

/** Tests run the sources without a build. */
const WORKER = new URL(import.meta.url.endsWith('.ts') ? './png-worker.ts' : './png-worker.js', import.meta.url);
const LIMITS = { maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 16 };
const MAX_WAITING = 32;

export interface Picture {
  readonly png: Buffer;
  readonly sha256: string;
}

interface Waiting {
  resolve(picture: Picture): void;
  reject(error: Error): void;
}

export class PngThread {
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | undefined;
  #count = 0;

  /** Takes the bytes of the pixels over: the caller must not use them any more. */
  pack(pixels: Pixels): Promise<Picture> {
    if (this.#waiting.size >= MAX_WAITING) return Promise.reject(new Error('too many frames wait to be packed'));
    const worker = (this.#worker ??= this.#start());
    const data = new Uint8Array(pixels.data);
    const id = ++this.#count;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      worker.postMessage({ id, pixels: { ...pixels, data } } satisfies Question, [data.buffer]);
    });
  }

  async close(): Promise<void> {
    await this.#worker?.terminate();
  }

  #start(): Worker {
    const worker = new Worker(WORKER, { resourceLimits: LIMITS, execArgv: [] });
    worker.unref();
    worker.on('message', ({ id, png, sha256, error }: Answer) => {
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (png && sha256) waiting?.resolve({ png: Buffer.from(png.buffer, png.byteOffset, png.byteLength), sha256 });
      else waiting?.reject(new Error(error ?? 'the frame was not packed'));
    });
    const fail = (error: Error): void => {
      this.#worker = undefined;
      for (const waiting of this.#waiting.values()) waiting.reject(error);
      this.#waiting.clear();
    };
    worker.on('error', fail);
    worker.on('exit', () => fail(new Error('the thread that packs frames ended')));
    return worker;
  }
}
