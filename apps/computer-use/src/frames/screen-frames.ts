import { type FileHandle, open } from 'node:fs/promises';
import { sleep } from '@switchyard/platform';
import type { Frame } from '../computer/index.ts';
import { type Pixels, readXwd } from './pixels.ts';
import type { PngThread } from './png-thread.ts';

/*
 * Frames of one screen.
 *
 * - A frame is settled: its pixels stood still for `QUIET_MS`, or `SETTLE_LIMIT_MS` passed. Two equal reads also rule out
 *   that the server was drawing while it was read.
 * - After an act a screen that has not changed at all is watched longer: a busy program answers late.
 * - Nothing is read while nobody asks.
 */

export interface Settled {
  readonly pixels: Pixels;
  /** False where the screen kept moving until the limit. */
  readonly still: boolean;
}

const QUIET_MS = 60;
/** How long a program gets to show a first change. Taken for none too early, an act would be done twice. */
const REACTION_MS = 800;
const READ_EVERY_MS = 15;
const SETTLE_LIMIT_MS = 1_500;

export class ScreenFrames {
  readonly #path: string;
  readonly #thread: PngThread;
  #file: FileHandle | undefined;

  constructor(path: string, thread: PngThread) {
    this.#path = path;
    this.#thread = thread;
  }

  /** The pixels of this moment. */
  async read(): Promise<Pixels> {
    const file = (this.#file ??= await open(this.#path, 'r'));
    const { size } = await file.stat();
    const bytes = Buffer.allocUnsafe(size);
    const { bytesRead } = await file.read(bytes, 0, size, 0);
    return readXwd(bytes.subarray(0, bytesRead));
  }

  /**
   * The pixels as soon as they stand still. After an act, `before` is the screen that it found: as long as that has not
   * changed, the program may not have come to it yet.
   */
  async settle(signal?: AbortSignal, before?: Pixels): Promise<Settled> {
    const deadline = Date.now() + SETTLE_LIMIT_MS;
    let pixels = await this.read();
    let since = Date.now();
    let changed = before === undefined;
    for (;;) {
      await sleep(READ_EVERY_MS, signal);
      const now = await this.read();
      if (!now.data.equals(pixels.data)) since = Date.now();
      pixels = now;
      changed ||= before !== undefined && !now.data.equals(before.data);
      const patient = changed ? QUIET_MS : REACTION_MS;
      if (Date.now() - since >= patient) return { pixels, still: true };
      if (Date.now() >= deadline) return { pixels, still: false };
    }
  }

  async frameOf(pixels: Pixels): Promise<Frame> {
    const { png, sha256 } = await this.#thread.pack(pixels);
    return { png, sha256, width: pixels.width, height: pixels.height, scale: 1 };
  }

  /** A settled frame. */
  async frame(signal?: AbortSignal): Promise<Frame> {
    return this.frameOf((await this.settle(signal)).pixels);
  }

  async close(): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
  }
}
