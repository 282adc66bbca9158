import { AppError } from '@switchyard/contracts';
import type { Tool } from './tool.ts';

/*
 * Which tools there are, at this moment. Sources (the built-in tools, files, the API, each upstream) put their tools
 * and take them back; whoever reads gets a snapshot that never changes.
 *
 * C1 A source is replaced as a whole or not at all: a refusal leaves what was there.
 * C2 A name belongs to one tool. A second one under it is refused, whoever brings it; the first stays.
 * C3 The epoch rises with every change and never falls: what was derived from a snapshot is known to be stale.
 * C4 Sources and tools are bounded.
 */

export interface CatalogSnapshot {
  readonly epoch: number;
  /** By name. */
  readonly tools: readonly Tool[];
  readonly byName: ReadonlyMap<string, Tool>;
}

const MAX_TOOLS = 10_000;
const MAX_SOURCES = 512;

export class Catalog {
  readonly #sources = new Map<string, readonly Tool[]>();
  readonly #listeners = new Set<(epoch: number) => void>();
  #snapshot: CatalogSnapshot = { epoch: 0, tools: [], byName: new Map() };

  get snapshot(): CatalogSnapshot {
    return this.#snapshot;
  }

  get epoch(): number {
    return this.#snapshot.epoch;
  }

  /** Puts the tools of a source in place of those that it had. Throws AppError `conflict` (C2) or `overloaded` (C4). */
  put(source: string, tools: readonly Tool[]): void {
    const others = [...this.#sources].filter(([name]) => name !== source);
    if (others.length >= MAX_SOURCES) throw new AppError('overloaded', `At most ${MAX_SOURCES} sources of tools.`);
    const owners = new Map(others.flatMap(([name, theirs]) => theirs.map((tool) => [tool.name, name] as const)));
    if (owners.size + tools.length > MAX_TOOLS) throw new AppError('overloaded', `At most ${MAX_TOOLS} tools.`);
    for (const { name } of tools) {
      const owner = owners.get(name);
      if (owner !== undefined)
        throw new AppError('conflict', `A tool called "${name}" is there already, from ${owner}.`);
      owners.set(name, source);
    }
    this.#sources.set(source, [...tools]);
    this.#changed();
  }

  /** Takes back the tools of a source; nothing where it has none. */
  remove(source: string): void {
    if (this.#sources.delete(source)) this.#changed();
  }

  /** The tools of one source; undefined where it put none. */
  of(source: string): readonly Tool[] | undefined {
    return this.#sources.get(source);
  }

  /** Calls `listener` after each change; the answer ends that. */
  onChange(listener: (epoch: number) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** C3 */
  #changed(): void {
    const tools = [...this.#sources.values()].flat().sort((a, b) => (a.name < b.name ? -1 : 1));
    const byName = new Map(tools.map((tool) => [tool.name, tool]));
    this.#snapshot = Object.freeze({ epoch: this.#snapshot.epoch + 1, tools: Object.freeze(tools), byName });
    for (const listener of this.#listeners) listener(this.#snapshot.epoch);
  }
}
