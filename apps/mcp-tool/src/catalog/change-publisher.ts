import type { Catalog } from './catalog.ts';
import type { Teller } from '../common/index.ts';

/** Changes often come together, such as those of a file or of several upstreams; they are told once. */
const GATHER_MS = 250;

/** Publishes that the tools changed, once for all changes within GATHER_MS. */
export class CatalogChangePublisher {
  #timer: NodeJS.Timeout | undefined;
  readonly #unhear: () => void;

  readonly #parts: { readonly catalog: Catalog; readonly teller: Pick<Teller, 'tell'> };

  constructor(parts: { readonly catalog: Catalog; readonly teller: Pick<Teller, 'tell'> }) {
    this.#parts = parts;
    this.#unhear = parts.catalog.onChange(() => this.changed());
  }

  changed(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      const { catalog, teller } = this.#parts;
      teller.tell({ type: 'tools.catalog.changed', data: { tools: catalog.snapshot.tools.length } });
    }, GATHER_MS).unref();
  }

  stop(): void {
    this.#unhear();
    clearTimeout(this.#timer);
  }
}
