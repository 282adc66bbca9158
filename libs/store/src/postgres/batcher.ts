import { AppError } from '@switchyard/contracts';

/*
 * Group commit: what several callers hand in is sent together, as one statement. Invariants:
 * - Nobody waits for company. Where nothing is under way, what was handed in leaves at the end of this turn of the event
 *   loop; what comes meanwhile leaves together when that is answered.
 * - Nobody waits long for others: where a batch takes longer than `patienceMs`, or a whole batch waits, another leaves
 *   beside it, as far as there are senders.
 * - Each item has its own answer. A batch that the server undid whole is sent again item by item, so that one that
 *   poisons it fails alone.
 * - Where it is not known what became of a batch, all of its items fail, and nothing is sent twice by this. The next
 *   batches begin at one item and double, so that an item that breaks connections does not take others with it again;
 *   until they have their full size nothing waits for a batch under way.
 * - A batch is bounded in items and bytes, what waits in items. Items leave in the order in which they came.
 */

interface BatcherParts<Item, Answer> {
  /** One transaction; the answers stand in the order of the items. */
  readonly send: (items: readonly Item[]) => Promise<Answer[]>;
  /** True where the server reported the error, and so nothing of the transaction stands. */
  readonly isUndone: (error: unknown) => boolean;
  readonly bytesOf: (item: Item) => number;
  readonly limits: {
    /** Batches under way at the same time. */
    readonly senders: number;
    /** How long a batch may be under way before another one leaves beside it. */
    readonly patienceMs: number;
    readonly items: number;
    /** An item that is larger leaves alone. */
    readonly bytes: number;
    readonly waiting: number;
  };
}

interface Waiting<Item, Answer> {
  readonly item: Item;
  readonly bytes: number;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

export class Batcher<Item, Answer> {
  #waiting: Waiting<Item, Answer>[] = [];
  #underWay = 0;
  #scheduled = false;
  #impatient: NodeJS.Timeout | undefined;
  #most: number;

  readonly #parts: BatcherParts<Item, Answer>;

  constructor(parts: BatcherParts<Item, Answer>) {
    this.#parts = parts;
    this.#most = parts.limits.items;
  }

  /** Sends the item with others. Rejects with `unavailable`, and sends nothing, where too many wait. */
  add(item: Item): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.#waiting.length >= this.#parts.limits.waiting) {
        return reject(new AppError('unavailable', 'Too many writes wait for the database.'));
      }
      this.#waiting.push({ item, bytes: this.#parts.bytesOf(item), resolve, reject });
      this.#schedule();
    });
  }

  #schedule(): void {
    const { senders, patienceMs, items } = this.#parts.limits;
    if (this.#scheduled || this.#waiting.length === 0 || this.#underWay >= senders) return;
    // Where batches were lost a moment ago, small ones get through and large ones may not.
    const patient = patienceMs > 0 && this.#most === items;
    if (patient && this.#underWay > 0 && this.#waiting.length < items) {
      this.#impatient ??= setTimeout(() => this.#leave(), patienceMs);
      return;
    }
    this.#scheduled = true;
    // After the sockets were read: what this turn still makes ready goes along.
    setImmediate(() => this.#leave());
  }

  #leave(): void {
    clearTimeout(this.#impatient);
    this.#impatient = undefined;
    this.#scheduled = false;
    if (this.#waiting.length === 0 || this.#underWay >= this.#parts.limits.senders) return;
    const batch = this.#take();
    this.#underWay += 1;
    void this.#deliver(batch).finally(() => {
      this.#underWay -= 1;
      this.#schedule();
    });
    this.#schedule();
  }

  #take(): Waiting<Item, Answer>[] {
    let bytes = 0;
    let count = 0;
    for (const { bytes: more } of this.#waiting) {
      if (count > 0 && (count >= this.#most || bytes + more > this.#parts.limits.bytes)) break;
      bytes += more;
      count += 1;
    }
    return this.#waiting.splice(0, count);
  }

  async #deliver(batch: readonly Waiting<Item, Answer>[]): Promise<void> {
    try {
      const answers = await this.#parts.send(batch.map(({ item }) => item));
      if (answers.length !== batch.length) throw new Error(`${answers.length} answers to ${batch.length} items`);
      batch.forEach(({ resolve }, i) => resolve(answers[i]!));
      this.#most = Math.min(this.#parts.limits.items, this.#most * 2);
    } catch (error) {
      if (batch.length > 1 && this.#parts.isUndone(error)) {
        await Promise.all(batch.map((waiting) => this.#deliver([waiting])));
        return;
      }
      if (!this.#parts.isUndone(error)) this.#most = 1;
      for (const { reject } of batch) reject(error);
    }
  }
}
