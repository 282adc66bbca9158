import type { SystemEventPublisher } from '@switchyard/bus';
import type { Catalog } from './catalog.ts';

/** Changes often come together, for example from one file or several upstreams; they are published once. */
const GATHER_MS = 250;

/** Publishes that the tools changed, once for all changes within GATHER_MS. */
export class CatalogChangePublisher {
  #timer: NodeJS.Timeout | undefined;
  readonly #unhear: () => void;

  readonly #parts: { readonly catalog: Catalog; readonly systemEvents: Pick<SystemEventPublisher, 'publish'> };

  constructor(parts: { readonly catalog: Catalog; readonly systemEvents: Pick<SystemEventPublisher, 'publish'> }) {
    this.#parts = parts;
    this.#unhear = parts.catalog.onChange(() => this.changed());
  }

  changed(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      const { catalog, systemEvents } = this.#parts;
      systemEvents.publish({ type: 'tools.catalog.changed', data: { tools: catalog.snapshot.tools.length } });
    }, GATHER_MS).unref();
  }

  stop(): void {
    this.#unhear();
    clearTimeout(this.#timer);
  }
}
