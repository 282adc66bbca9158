/**
 * A map with a limit: what was set longest ago is forgotten first. Reading keeps nothing alive, so that the order is that
 * of the writes, and nothing is reserved in advance.
 */
export class BoundedMap<K, V> extends Map<K, V> {
  readonly #limit: number;

  constructor(limit: number) {
    super();
    this.#limit = limit;
  }

  override set(key: K, value: V): this {
    this.delete(key);
    super.set(key, value);
    if (this.size > this.#limit) this.delete(this.keys().next().value as K);
    return this;
  }
}
