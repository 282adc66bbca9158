import { AppError } from '@switchyard/contracts';
import type { Computer, ComputerBackend, SessionRequest } from '../computer/index.ts';
import { type Program, reapOrphans, Session, SessionFiles, type SessionRows } from '../display/index.ts';
import { PngThread } from '../frames/index.ts';
import { X11Computer } from './x11-computer.ts';

/*
 * Screens of this machine, one X server each.
 *
 * - At most `sessions` at once; who asks for one more is told `overloaded`.
 * - A sealed session is refused where the machine cannot shut programs in: nothing is promised that does not hold.
 * - Before the first session, what an earlier process left behind is reaped.
 */

export interface X11BackendOptions {
  readonly sessions: number;
  /** The folder for the folders of sessions; other accounts must be able to pass through all above it. */
  readonly folder: string;
  /** What `open_app` may start, by name. */
  readonly apps?: Readonly<Record<string, Program>>;
  /** Where sessions are written down. Default: files in `folder`. */
  readonly rows?: SessionRows;
}

export class X11Backend implements ComputerBackend {
  readonly name = 'x11';
  readonly #options: X11BackendOptions;
  readonly #rows: SessionRows;
  readonly #png = new PngThread();
  readonly #open = new Set<Computer>();
  #starting = 0;
  #reaped: Promise<unknown> | undefined;

  constructor(options: X11BackendOptions) {
    this.#options = options;
    this.#rows = options.rows ?? new SessionFiles(options.folder);
  }

  capacity(): { free: number; total: number } {
    const total = this.#options.sessions;
    return { free: Math.max(0, total - this.#open.size - this.#starting), total };
  }

  /** Ends what a process that died left behind. Answers with the ids of its sessions. */
  reap(): Promise<string[]> {
    return reapOrphans(this.#rows);
  }

  async open(request: SessionRequest, signal?: AbortSignal): Promise<Computer> {
    if (this.capacity().free === 0) throw new AppError('overloaded', 'All screens are in use.');
    this.#starting++;
    try {
      this.#reaped ??= this.reap();
      await this.#reaped;
      if (signal?.aborted) throw new AppError('cancelled', undefined, { cause: signal.reason });
      return await this.#start(request, signal);
    } finally {
      this.#starting--;
    }
  }

  async #start(request: SessionRequest, signal: AbortSignal | undefined): Promise<Computer> {
    const { folder, apps = {} } = this.#options;
    const session = await Session.start({ ...request.size, rows: this.#rows, root: folder });
    try {
      if (request.network === 'sealed' && session.containment !== 'namespaces') {
        throw new AppError('unavailable', 'This machine cannot cut a screen off from the network (bubblewrap).');
      }
      const computer = await X11Computer.open({ session, png: this.#png, apps });
      const closing = this.#listed(computer);
      if (signal?.aborted) {
        await closing.close();
        throw new AppError('cancelled', undefined, { cause: signal.reason });
      }
      return closing;
    } catch (error) {
      await session.close();
      throw error;
    }
  }

  /** Keeps the screen in the list until it is closed. */
  #listed(computer: X11Computer): X11Computer {
    this.#open.add(computer);
    void computer.closed.then(() => this.#open.delete(computer));
    return computer;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open].map((computer) => computer.close()));
    await this.#png.close();
  }
}
