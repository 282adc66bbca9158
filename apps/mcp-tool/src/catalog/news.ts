import type { Catalog } from './catalog.ts';
import type { Teller } from '../common/index.ts';

/** Many changes come at once: a file, an upstream after another. */
const GATHER_MS = 250;

/** Tells the others that the tools here are others now, once for the changes of a moment. */
export class CatalogNews {
  #timer: NodeJS.Timeout | undefined;
  readonly #unhear: () => void;

  constructor(private readonly parts: { readonly catalog: Catalog; readonly teller: Pick<Teller, 'tell'> }) {
    this.#unhear = parts.catalog.onChange(() => this.changed());
  }

  changed(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      const { catalog, teller } = this.parts;
      teller.tell({ type: 'tools.catalog.changed', data: { tools: catalog.snapshot.tools.length } });
    }, GATHER_MS).unref();
  }

  stop(): void {
    this.#unhear();
    clearTimeout(this.#timer);
  }
}
