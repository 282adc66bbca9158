import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { NODE_FLAGS } from '@switchyard/local-servers';
import type { Order } from './points.ts';

/*
 * One service of a round: a process that is started again whenever it dies.
 *
 * - The round itself causes a death by SIGKILL and asks for a death after SIGTERM. Any other death is a defect of the
 *   product.
 * - When the process dies before it carried out an order to arm a point, the next process gets the order.
 */

export interface Death {
  readonly ts: number;
  readonly service: string;
  readonly how: string;
  readonly asked: boolean;
  /** Time from SIGTERM to the end; null if the process got no SIGTERM. */
  readonly drainMs: number | null;
}

const PROGRAM = fileURLToPath(new URL('../../../dist/chaos/stack/service-main.js', import.meta.url));
const PAUSE_MS = 150;
/** A service that does not drain is killed, and the report says so. */
const DRAIN_LIMIT_MS = 20_000;

export class ServiceProcess {
  readonly deaths: Death[] = [];
  readonly #waiting = new Set<Order>();
  #child: ChildProcess | undefined;
  #up: Promise<void> = Promise.resolve();
  #stopping = false;
  #termAt: number | undefined;
  #drainTimer: NodeJS.Timeout | undefined;

  readonly #env: Readonly<Record<string, string>>;
  readonly #log: string;

  constructor(
    readonly name: string,
    readonly app: string,
    env: Readonly<Record<string, string>>,
    log: string,
  ) {
    this.#env = env;
    this.#log = log;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Resolves when the current process answers, or the service was stopped. */
  get up(): Promise<void> {
    return this.#up;
  }

  start(): Promise<void> {
    this.#up = new Promise((resolve) => this.#launch(resolve));
    return this.#up;
  }

  signal(signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT' | 'SIGTERM'): void {
    if (signal === 'SIGTERM' && this.#termAt === undefined) {
      this.#termAt = Date.now();
      const { pid } = this;
      this.#drainTimer = setTimeout(
        () => pid !== undefined && pid === this.pid && this.#send('SIGKILL'),
        DRAIN_LIMIT_MS,
      );
    }
    this.#send(signal);
  }

  /**
   * Gives an order to the process. An order to arm a point also goes to later processes, until the point has fired; an
   * order about replies does not.
   */
  order(order: Order): void {
    if (order.do === 'arm') this.#waiting.add(order);
    if (order.do === 'disarm') this.#waiting.clear();
    this.#tell(order);
  }

  /** The point has fired. */
  fired(point: string): void {
    for (const order of this.#waiting) if (order.do === 'arm' && order.point === point) this.#waiting.delete(order);
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    this.#send('SIGCONT');
    this.signal('SIGTERM');
    await gone;
  }

  #launch(up: () => void): void {
    const log = openSync(this.#log, 'a');
    const child = spawn(process.execPath, [...NODE_FLAGS, PROGRAM, this.app], {
      env: { PATH: process.env['PATH'] ?? '', ...this.#env },
      stdio: ['ignore', log, log, 'ipc'],
    });
    closeSync(log);
    this.#child = child;
    child.on('error', () => undefined); // the process ended before the message arrived
    child.once('message', () => {
      for (const order of this.#waiting) this.#tell(order);
      up();
    });
    child.once('exit', (code, signal) => {
      clearTimeout(this.#drainTimer);
      this.deaths.push({
        ts: Date.now(),
        service: this.name,
        how: signal ?? `exit code ${code}`,
        asked: signal === 'SIGKILL' || this.#termAt !== undefined,
        drainMs: this.#termAt === undefined ? null : Date.now() - this.#termAt,
      });
      this.#termAt = undefined;
      if (this.#stopping) up();
      else setTimeout(() => (this.#stopping ? up() : this.#again(up)), PAUSE_MS);
    });
  }

  #again(previous: () => void): void {
    void this.start().then(previous);
  }

  #send(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  #tell(order: Order): void {
    if (this.#child?.connected) this.#child.send(order, () => undefined);
  }
}
