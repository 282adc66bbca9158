import { AppError } from '@switchyard/contracts';
import type { Tool } from '../tool/index.ts';

/*
 * Which tools there are, at this moment. Sources (the built-in tools, files, the API, each upstream) put their tools
 * and take them back; whoever reads gets a snapshot that never changes.
 *
 * C1 A source is replaced as a whole or not at all: a refusal leaves what was there.
 * C2 A name belongs to one tool. A second one under it is refused, whoever brings it; the first stays.
 * C3 The epoch rises with every change and never falls: what was derived from a snapshot is known to be stale.
 * C4 Sources and tools are bounded.
 * C5 A source may be of one tenant: nobody else sees its tools, and they never take the name of a tool for all. Where
 *    a tool for all comes later under such a name, it is that which is found.
 * C6 An alias is a name like any other: it is found, and nobody else has it; the list has the tool once.
 * C7 The tools that ship give way: where another source for all has one of their names, it is that which is found.
 */

/** The tools of a tenant at one moment: those for all, and its own. */
export interface CatalogView {
  /** By name, each once. */
  readonly tools: readonly Tool[];
  /** By name and by alias. */
  readonly byName: ReadonlyMap<string, Tool>;
}

export interface CatalogSnapshot extends CatalogView {
  readonly epoch: number;
  of(tenantId: string): CatalogView;
}

interface Source {
  readonly tools: readonly Tool[];
  /** C5; absent: for all. */
  readonly tenantId?: string | undefined;
  /** C7 */
  readonly givesWay?: boolean;
}

/** C2 */
export class NameTaken extends AppError {
  constructor(
    readonly tool: string,
    by: string,
  ) {
    super('conflict', `A tool called "${tool}" is there already, from ${by}.`);
  }
}

const EMPTY: CatalogView = { tools: [], byName: new Map() };
const MAX_TOOLS = 10_000;
const MAX_SOURCES = 512;

export class Catalog {
  readonly #sources = new Map<string, Source>();
  readonly #listeners = new Set<(epoch: number) => void>();
  #snapshot: CatalogSnapshot = { epoch: 0, ...EMPTY, of: () => EMPTY };

  get snapshot(): CatalogSnapshot {
    return this.#snapshot;
  }

  get epoch(): number {
    return this.#snapshot.epoch;
  }

  /** Puts the tools of a source in place of those that it had. Throws NameTaken (C2) or AppError `overloaded` (C4). */
  put(source: string, tools: readonly Tool[], tenantId?: string): void {
    this.#put(source, { tools: [...tools], tenantId });
  }

  /** C7: the same for tools that ship. */
  putShipped(source: string, tools: readonly Tool[]): void {
    this.#put(source, { tools: [...tools], givesWay: true });
  }

  #put(source: string, { tools, tenantId, givesWay = false }: Source): void {
    const others = [...this.#sources].filter(([name]) => name !== source);
    if (others.length >= MAX_SOURCES) throw new AppError('overloaded', `At most ${MAX_SOURCES} sources of tools.`);
    const count = others.reduce((sum, [, theirs]) => sum + theirs.tools.length, 0);
    if (count + tools.length > MAX_TOOLS) throw new AppError('overloaded', `At most ${MAX_TOOLS} tools.`);
    const seen = others.filter(
      ([, theirs]) => (theirs.tenantId ?? tenantId) === tenantId && !(theirs.givesWay && tenantId === undefined), // C5, C7
    );
    const owners = new Map<string, string>();
    for (const [by, theirs] of seen) for (const name of namesIn(theirs.tools)) owners.set(name, by);
    for (const name of namesIn(tools)) {
      const owner = owners.get(name);
      if (owner !== undefined && !givesWay) throw new NameTaken(name, owner);
      owners.set(name, source);
    }
    this.#sources.set(source, { tools, tenantId, givesWay });
    this.#changed();
  }

  /** Takes back the tools of a source; nothing where it has none. */
  remove(source: string): void {
    if (this.#sources.delete(source)) this.#changed();
  }

  /** True where a source for all that brings a tool of this name would be refused. */
  isTaken(name: string, by: string): boolean {
    return [...this.#sources].some(
      ([source, { tools, tenantId, givesWay }]) =>
        source !== by && tenantId === undefined && !givesWay && namesIn(tools).includes(name),
    );
  }

  /** The tools of one source; undefined where it put none. */
  of(source: string): readonly Tool[] | undefined {
    return this.#sources.get(source)?.tools;
  }

  /** Calls `listener` after each change; the answer ends that. */
  onChange(listener: (epoch: number) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** C3 */
  #changed(): void {
    const sources = [...this.#sources.values()];
    const ofAll = sources.filter(({ tenantId }) => tenantId === undefined);
    const firm = ofAll.flatMap(({ tools, givesWay }) => (givesWay ? [] : tools));
    const shipped = ofAll.flatMap(({ tools, givesWay }) => (givesWay ? tools : []));
    const taken = shipped.length === 0 ? undefined : new Set(namesIn(firm));
    const common = [...firm, ...shipped.filter((tool) => !namesIn([tool]).some((name) => taken?.has(name)))]; // C7
    const forAll = viewOf(common);
    const views = new Map<string, CatalogView>();
    for (const tenantId of new Set(sources.flatMap((source) => source.tenantId ?? []))) {
      const own = sources.filter((source) => source.tenantId === tenantId).flatMap(({ tools }) => tools);
      views.set(tenantId, viewOf([...common, ...own.filter(({ name }) => !forAll.byName.has(name))]));
    }
    const of = (tenantId: string): CatalogView => views.get(tenantId) ?? forAll;
    this.#snapshot = Object.freeze({ epoch: this.#snapshot.epoch + 1, ...forAll, of });
    for (const listener of this.#listeners) listener(this.#snapshot.epoch);
  }
}

function viewOf(tools: readonly Tool[]): CatalogView {
  const sorted = [...tools].sort((a, b) => (a.name < b.name ? -1 : 1));
  const byName = new Map<string, Tool>();
  for (const tool of sorted) {
    byName.set(tool.name, tool);
    for (const alias of tool.aliases ?? []) byName.set(alias, tool); // C6
  }
  return { tools: Object.freeze(sorted), byName };
}

function namesIn(tools: readonly Tool[]): string[] {
  const names: string[] = [];
  for (const { name, aliases } of tools) names.push(name, ...(aliases ?? []));
  return names;
}
