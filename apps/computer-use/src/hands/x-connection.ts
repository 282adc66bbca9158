import x11, { type XClient, type XDisplay, type XTest } from 'x11';

/*
 * One connection to the X server of a session, for input. Whoever waits on it is told when it ends; what the server
 * refuses is told to the next who waits.
 */

const CONNECT_LIMIT_MS = 10_000;
const ANSWER_LIMIT_MS = 5_000;

export interface XAddress {
  readonly display: number;
  readonly auth: { readonly name: string; readonly data: string };
}

export class XConnection {
  readonly display: XDisplay;
  readonly #client: XClient;
  #failure: Error | undefined;
  readonly #waiting = new Set<(error: Error) => void>();

  private constructor(display: XDisplay) {
    this.display = display;
    this.#client = display.client;
    this.#client.on('error', (error) => this.#fail(error));
    this.#client.on('end', () => this.#fail(new Error('the display is gone')));
  }

  static open({ display, auth }: XAddress): Promise<XConnection> {
    return new Promise((resolve, reject) => {
      const limit = setTimeout(() => reject(new Error('the display does not answer')), CONNECT_LIMIT_MS);
      const client = x11.createClient({ display: `:${display}`, auth: { ...auth }, shm: false }, (error, answer) => {
        clearTimeout(limit);
        if (error) reject(error);
        else resolve(new XConnection(answer));
      });
      client.on('error', (error) => {
        clearTimeout(limit);
        reject(error);
      });
    });
  }

  get client(): XClient {
    if (this.#failure) throw this.#failure;
    return this.#client;
  }

  xtest(): Promise<XTest> {
    return this.#answer((done) => this.client.require('xtest', done));
  }

  keyboard(): Promise<number[][]> {
    const { min_keycode: first, max_keycode: last } = this.display;
    return this.#answer((done) => this.client.GetKeyboardMapping(first, last - first + 1, done));
  }

  /** Resolves when the server has done all that was asked before. */
  sync(): Promise<void> {
    return this.#answer((done) => this.client.sync((error) => done(error, undefined)));
  }

  close(): void {
    this.#fail(new Error('the display is closed'));
    this.#client.terminate();
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const reject of this.#waiting) reject(error);
    this.#waiting.clear();
  }

  #answer<T>(ask: (done: (error: Error | null, answer: T) => void) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      const limit = setTimeout(() => end(new Error('the display does not answer')), ANSWER_LIMIT_MS);
      const end = (error: Error | null, answer?: T): void => {
        clearTimeout(limit);
        this.#waiting.delete(end);
        if (error) reject(error);
        else resolve(answer as T);
      };
      this.#waiting.add(end);
      ask((error, answer) => {
        end(error, answer);
        return true;
      });
    });
  }
}
