import { createHash } from 'node:crypto';
import { parentPort } from 'node:worker_threads';
import type { Pixels } from './pixels.ts';
import { encodePng } from './png.ts';

/** The thread that packs frames: each would hold up the progress of all steps for some 20 ms. */

export interface Question {
  readonly id: number;
  readonly pixels: Omit<Pixels, 'data'> & { readonly data: Uint8Array };
}

export interface Answer {
  readonly id: number;
  readonly png?: Uint8Array;
  readonly sha256?: string;
  readonly error?: string;
}

parentPort?.on('message', ({ id, pixels }: Question) => {
  try {
    const png = encodePng({ ...pixels, data: Buffer.from(pixels.data.buffer) });
    const sha256 = createHash('sha256').update(png).digest('hex');
    parentPort?.postMessage({ id, png, sha256 } satisfies Answer);
  } catch (error) {
    parentPort?.postMessage({ id, error: error instanceof Error ? error.message : String(error) } satisfies Answer);
  }
});
