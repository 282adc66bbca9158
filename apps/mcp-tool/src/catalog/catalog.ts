import { AppError } from '@switchyard/contracts';
import type { Tool } from '../tool/index.ts';

/*
 * All tools at this moment. Sources (the built-in tools, files, the API, each upstream) add and withdraw their tools;
 * readers get an immutable snapshot.
 *
 * - A source is replaced as a whole or not at all: after a refusal the earlier tools stay.
 * - A name belongs to one tool. The catalog refuses a second tool of this name from any source; the first one stays.
 * - The epoch rises with every change and never falls, so a reader can tell when a value from a snapshot is stale.
 * - The number of sources and the number of tools are limited.
 * - A source may belong to one tenant. No other tenant sees its tools, and its tools never replace a tool for all
 *   tenants. If a tool for all later takes such a name, callers find the tool for all.
 * - An alias is a name like any other: callers find the tool by it, and no other tool has it. A list has the tool once.
 * - Shipped tools give way: if another source for all has a tool of the same name, callers find that tool.
 */

/** The tools of a tenant at one moment: the tools for all tenants, and its own. */
export interface CatalogView {
  /** Sorted by name, each tool once. */
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
  /** The only tenant that sees these tools; absent: all tenants see them. */
  readonly tenantId?: string | undefined;
  /** True for shipped tools: they give way to another source for all that has the name. */
  readonly givesWay?: boolean;
}

/** Thrown where another tool has this name already. */
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

  /** Replaces the tools of a source. Throws NameTaken, or AppError `overloaded` where there are too many. */
  put(source: string, tools: readonly Tool[], tenantId?: string): void {
    this.#put(source, { tools: [...tools], tenantId });
  }

  /** Like `put`, for shipped tools: they give way to others. */
  putShipped(source: string, tools: readonly Tool[]): void {
    this.#put(source, { tools: [...tools], givesWay: true });
  }

  #put(source: string, { tools, tenantId, givesWay = false }: Source): void {
    const others = [...this.#sources].filter(([name]) => name !== source);
    if (others.length >= MAX_SOURCES) throw new AppError('overloaded', `At most ${MAX_SOURCES} sources of tools.`);
    const count = others.reduce((sum, [, theirs]) => sum + theirs.tools.length, 0);
    if (count + tools.length > MAX_TOOLS) throw new AppError('overloaded', `At most ${MAX_TOOLS} tools.`);
    // The sources whose names are taken for this one: its own tenant's and those for all, without shipped tools that
    // give way to it.
    const seen = others.filter(
      ([, theirs]) => (theirs.tenantId ?? tenantId) === tenantId && !(theirs.givesWay && tenantId === undefined),
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

  /** Removes a source and its tools. Does nothing where there is no such source. */
  remove(source: string): void {
    if (this.#sources.delete(source)) this.#changed();
  }

  /** True where a tool of this name for all tenants would be refused. `by`: the source that would bring it. */
  isTaken(name: string, by: string): boolean {
    return [...this.#sources].some(
      ([source, { tools, tenantId, givesWay }]) =>
        source !== by && tenantId === undefined && !givesWay && namesIn(tools).includes(name),
    );
  }

  /** The tools of one source; undefined where there is no such source. */
  of(source: string): readonly Tool[] | undefined {
    return this.#sources.get(source)?.tools;
  }

  /** Calls `listener` after each change. The returned function ends that. */
  onChange(listener: (epoch: number) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Makes a new snapshot with the next epoch, and tells the listeners. */
  #changed(): void {
    const sources = [...this.#sources.values()];
    const ofAll = sources.filter(({ tenantId }) => tenantId === undefined);
    const firm = ofAll.flatMap(({ tools, givesWay }) => (givesWay ? [] : tools));
    const shipped = ofAll.flatMap(({ tools, givesWay }) => (givesWay ? tools : []));
    const taken = shipped.length === 0 ? undefined : new Set(namesIn(firm));
    const common = [...firm, ...shipped.filter((tool) => !namesIn([tool]).some((name) => taken?.has(name)))];
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
    for (const alias of tool.aliases ?? []) byName.set(alias, tool);
  }
  return { tools: Object.freeze(sorted), byName };
}

function namesIn(tools: readonly Tool[]): string[] {
  const names: string[] = [];
  for (const { name, aliases } of tools) names.push(name, ...(aliases ?? []));
  return names;
}
