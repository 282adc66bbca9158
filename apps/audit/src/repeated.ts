import type { Logger } from '@switchyard/platform';

/** Work that is done again and again, never twice at once, until it is stopped. A failure is told and costs one round. */
export class Repeated {
  private timer: NodeJS.Timeout | undefined;
  private round: Promise<void> = Promise.resolve();
  private readonly stopping = new AbortController();

  constructor(
    private readonly what: string,
    private readonly everyMs: number,
    private readonly log: Logger,
    /** Ends early where the signal aborts. */
    private readonly work: (signal: AbortSignal) => Promise<void>,
  ) {}

  start(): void {
    this.schedule(0);
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    clearTimeout(this.timer);
    await this.round;
  }

  private schedule(delayMs: number): void {
    const { signal } = this.stopping;
    if (signal.aborted) return;
    this.timer = setTimeout(() => {
      this.round = this.work(signal)
        .catch((error: unknown) => this.log.warn({ err: error }, `${this.what} failed; it is repeated`))
        .finally(() => this.schedule(this.everyMs));
    }, delayMs);
    this.timer.unref();
  }
}
