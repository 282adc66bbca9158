import { closeSync, openSync, readSync, writeSync } from 'node:fs';

/*
 * Fault points: places in a service where the round may stop its process.
 *
 * - Every passing is one line in a file, which the service writes before anything else can happen at that place.
 * - An armed point ends or stops its own process in the middle of the passing that it was armed for.
 * - The product knows nothing of points: they are in decorators of its ports (decorated.ts).
 */

export type PointAction = 'kill' | 'stop';

/** The orders of the nemesis to a service, over the IPC channel of its process. */
export type Order =
  | { readonly do: 'arm'; readonly point: string; readonly nth: number; readonly action: PointAction }
  | { readonly do: 'disarm' }
  | { readonly do: 'replies'; readonly how: ReplyFault; readonly count: number; readonly ms: number };

/**
 * What happens to the next answers of a worker: they come late, are never sent, or the request is delivered twice at
 * once.
 */
export type ReplyFault = 'late' | 'lost' | 'twice';

export interface Passing {
  readonly ts: number;
  readonly service: string;
  readonly pid: number;
  readonly point: string;
  /** What happened to the process there; null: nothing. */
  readonly action: PointAction | null;
}

/** Passed when a reply is spoiled. */
export const REPLY_POINT = 'replies.';

const SIGNALS = { kill: 'SIGKILL', stop: 'SIGSTOP' } as const;

export class FaultPoints {
  readonly #file: number;
  readonly #armed = new Map<string, { left: number; action: PointAction }>();
  #replies: { how: ReplyFault; left: number; ms: number } | undefined;

  readonly #service: string;

  constructor(file: string, service: string) {
    this.#service = service;
    this.#file = openSync(file, 'a');
  }

  obey(order: Order): void {
    if (order.do === 'arm') this.#armed.set(order.point, { left: order.nth, action: order.action });
    else if (order.do === 'disarm') this.#disarm();
    else this.#replies = { how: order.how, left: order.count, ms: order.ms };
  }

  #disarm(): void {
    this.#armed.clear();
    this.#replies = undefined;
  }

  pass(point: string): void {
    const armed = this.#armed.get(point);
    const fires = armed !== undefined && (armed.left -= 1) <= 0;
    if (fires) this.#armed.delete(point);
    const what = fires ? armed.action : '-';
    writeSync(this.#file, `${Date.now()} ${this.#service} ${process.pid} ${point} ${what}\n`);
    if (fires) process.kill(process.pid, SIGNALS[armed.action]);
  }

  /**
   * Passes the point before and after the call. After an error the second point is left out, since the effect may not
   * have happened.
   */
  async around<T>(name: string, work: () => Promise<T>): Promise<T> {
    this.pass(`${name}.before`);
    const result = await work();
    this.pass(`${name}.after`);
    return result;
  }

  /** The fault of this reply; undefined: none. */
  takeReplyFault(): { how: ReplyFault; ms: number } | undefined {
    const fault = this.#replies;
    if (!fault || fault.left <= 0) return undefined;
    fault.left -= 1;
    this.pass(`${REPLY_POINT}${fault.how}`);
    return fault;
  }
}

/** Reads the passings of all services as they come; what was read is not read again. */
export class PassingReader {
  readonly all: Passing[] = [];
  #file: number | undefined;
  #rest = '';

  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** What came since the last call. A last line that is still being written comes with the next. */
  fresh(): Passing[] {
    try {
      this.#file ??= openSync(this.#path, 'r');
    } catch {
      return []; // no service has passed a point yet
    }
    const chunk = Buffer.alloc(1 << 16);
    for (let size = readSync(this.#file, chunk); size > 0; size = readSync(this.#file, chunk))
      this.#rest += chunk.toString('latin1', 0, size);
    const lines = this.#rest.split('\n');
    this.#rest = lines.pop() ?? '';
    const passings = lines.map(parsePassing);
    this.all.push(...passings);
    return passings;
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }
}

function parsePassing(line: string): Passing {
  const [ts, service, pid, point, action] = line.split(' ');
  return {
    ts: Number(ts),
    service: service!,
    pid: Number(pid),
    point: point!,
    action: action === 'kill' || action === 'stop' ? action : null,
  };
}
