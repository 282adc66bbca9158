/** What tests may ask about a request afterwards. */
export interface RequestEntry {
  number: number;
  /** Epoch milliseconds. */
  at: number;
  model: string;
  stream: boolean;
  /** At most 500 characters. */
  task: string;
  turn: number;
  messages: number;
  /** Images in all of them. */
  images: number;
  functions: string[];
  answered: 'text' | 'tool_calls' | 'error' | 'raw' | 'empty' | 'museum';
  calls: string[];
  status: number;
  /** The script rule that answered. */
  rule?: number;
  /** True if the client disconnected before the answer was complete. */
  aborted: boolean;
}

const KEPT = 100;

/** The last 100 requests and a count of all. */
export class RequestLog {
  readonly #kept: RequestEntry[] = [];
  total = 0;

  add(entry: Omit<RequestEntry, 'number' | 'aborted'>): RequestEntry {
    this.total += 1;
    const numbered = { number: this.total, ...entry, aborted: false };
    this.#kept.push(numbered);
    if (this.#kept.length > KEPT) this.#kept.shift();
    return numbered;
  }

  last(): readonly RequestEntry[] {
    return this.#kept;
  }

  clear(): void {
    this.#kept.length = 0;
    this.total = 0;
  }
}
