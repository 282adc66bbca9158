import { AppError, type ScreenAction } from '@switchyard/contracts';
import { sleep } from '@switchyard/platform';
import type { ActOutcome, Computer, Frame } from '../computer/index.ts';
import type { Program, Screen, Session } from '../display/index.ts';
import { changedRectangle, type PngThread, ScreenFrames } from '../frames/index.ts';
import { Hands, type Point } from '../hands/index.ts';

/*
 * A session as the loop of a step uses it: eyes, hands, and the applications that the operator allows.
 *
 * - A point outside the screen is refused before anything is touched.
 * - An abort stops the hands at once and is told as `cancelled`.
 * - Of a display that is gone no frame is given, and no act is said to be done on it.
 */

export interface X11ComputerOptions {
  readonly session: Session;
  readonly png: PngThread;
  /** What `open_app` may start, by name. */
  readonly apps: Readonly<Record<string, Program>>;
}

export class X11Computer implements Computer {
  readonly size: Screen;
  readonly #session: Session;
  readonly #frames: ScreenFrames;
  readonly #hands: Hands;
  readonly #apps: Readonly<Record<string, Program>>;

  /** Resolves when the session is gone. */
  readonly closed: Promise<void>;
  #gone: () => void = () => undefined;
  #closed: Promise<void> | undefined;

  private constructor({ session, png, apps }: X11ComputerOptions, hands: Hands) {
    this.closed = new Promise((resolve) => (this.#gone = resolve));
    this.size = session.screen;
    this.#session = session;
    this.#frames = new ScreenFrames(session.server.pixels, png);
    this.#hands = hands;
    this.#apps = apps;
  }

  static async open(options: X11ComputerOptions): Promise<X11Computer> {
    return new X11Computer(options, await Hands.open(options.session.server));
  }

  async frame(signal?: AbortSignal): Promise<Frame> {
    const frame = await this.#frames.frame(signal);
    this.#checkAlive();
    return frame;
  }

  async act(action: ScreenAction, signal?: AbortSignal): Promise<ActOutcome> {
    this.#check(action);
    this.#checkAlive();
    if (signal?.aborted) throw new AppError('cancelled', undefined, { cause: signal.reason });
    const begun = Date.now();
    const before = await this.#frames.read();
    const stop = (): void => this.#hands.stop();
    signal?.addEventListener('abort', stop, { once: true });
    try {
      await this.#perform(action, signal);
      const { pixels, still } = await this.#frames.settle(signal, before);
      this.#checkAlive();
      const changedRegion = changedRectangle(before, pixels) ?? null;
      const frame = await this.#frames.frameOf(pixels);
      const durationMs = Date.now() - begun;
      return { frame, changed: changedRegion !== null, changedRegion, settled: still, durationMs };
    } catch (error) {
      // Neither hands nor eyes fail but where the display does.
      throw error instanceof AppError ? error : gone(error);
    } finally {
      signal?.removeEventListener('abort', stop);
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    try {
      this.#hands.close();
      await this.#frames.close();
      await this.#session.close();
    } finally {
      this.#gone();
    }
  }

  async #perform(action: ScreenAction, signal: AbortSignal | undefined): Promise<void> {
    const hands = this.#hands;
    switch (action.kind) {
      case 'click':
        return hands.click(action, action.button);
      case 'double_click':
        return hands.click(action, 'left', 2);
      case 'right_click':
        return hands.click(action, 'right');
      case 'move':
        return hands.move(action);
      case 'drag':
        return hands.drag(action.path);
      case 'scroll':
        return hands.scroll(action, action.dx, action.dy);
      case 'type':
        return hands.type(action.text);
      case 'key':
        return hands.keys(action.keys);
      case 'wait':
        return sleep(action.ms, signal);
      case 'open_app':
        return this.#openApp(action.app);
      case 'open_url':
        throw new AppError('invalid_input', 'This display has no browser.');
      case 'zoom':
        return;
    }
  }

  async #openApp(name: string): Promise<void> {
    const program = Object.hasOwn(this.#apps, name) ? this.#apps[name] : undefined;
    if (!program) {
      const known = Object.keys(this.#apps).join(', ') || 'none';
      throw new AppError('invalid_input', `There is no application "${name}" here; there are: ${known}.`);
    }
    await this.#session.launch(program);
  }

  /** The pixels of an X server stay in their file when it dies; they are no screen any more. */
  #checkAlive(): void {
    if (this.#session.server.child.end === undefined) return;
    throw gone();
  }

  #check(action: ScreenAction): void {
    const { width, height } = this.size;
    for (const { x, y } of pointsOf(action)) {
      if (x >= 0 && y >= 0 && x < width && y < height) continue;
      throw new AppError('invalid_input', `The point ${x}, ${y} is outside the screen of ${width} × ${height}.`);
    }
  }
}

function gone(cause?: unknown): AppError {
  return new AppError('unavailable', 'The display of this step is gone.', { cause });
}

function pointsOf(action: ScreenAction): readonly Point[] {
  if (action.kind === 'drag') return action.path;
  if (action.kind === 'zoom') {
    const { x, y, width, height } = action.region;
    return [action.region, { x: x + width - 1, y: y + height - 1 }];
  }
  return 'x' in action ? [action] : [];
}
