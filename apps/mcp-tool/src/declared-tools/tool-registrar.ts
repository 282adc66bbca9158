import type { SystemEventPublisher } from '@switchyard/bus';
import {
  AppError,
  HttpToolDefinition,
  type InputOf,
  issueLines,
  type listRegisteredTools,
  type OutputOf,
  type Principal,
  type registerTool,
  safeParse,
} from '@switchyard/contracts';
import { type Logger, sleep } from '@switchyard/platform';
import type { ToolDefinitionRow, ToolDefinitions } from '@switchyard/store';
import type { Catalog } from '../catalog/index.ts';
import { logEvent } from '../log-events.ts';
import { DefinitionProblems } from './http-tool.ts';
import type { Tool } from '../tool/index.ts';

/*
 * Tools that admins register for their tenant. PostgreSQL stores them; every replica has them in its catalogue.
 *
 * - Only admins register and remove tools, and only for their own tenant. No other tenant sees these tools.
 * - A definition was valid when it was registered. If it is no longer valid (a rule became stricter), the replica
 *   leaves its tool out, logs that, and keeps the others.
 * - A change is published on the bus. Every replica also reads the version of all definitions every few seconds, so a
 *   missed event costs seconds, not the tool.
 */

export interface ToolRegistrarParts {
  readonly definitions: ToolDefinitions;
  readonly catalog: Catalog;
  /** Makes a tool of a definition that a tenant wrote. */
  readonly make: (definition: HttpToolDefinition) => Tool;
  readonly systemEvents: Pick<SystemEventPublisher, 'publish'>;
  readonly log: Logger;
  readonly everyMs: number;
}

/** Used without a database. */
export const NO_DEFINITIONS: ToolDefinitions = {
  put: () => Promise.reject(new AppError('unavailable', 'There is no database for registered tools.')),
  remove: () => Promise.resolve(false),
  of: () => Promise.resolve([]),
  all: () => Promise.resolve({ version: '0', rows: [] }),
  version: () => Promise.resolve('0'),
};

const MAX_OF_TENANT = 200;
const MAX_IN_ALL = 5_000;

export class ToolRegistrar {
  readonly #stop = new AbortController();
  #version: string | undefined;
  #tenants = new Set<string>();
  #reading: Promise<void> | undefined;
  #again = false;
  #running: Promise<void> = Promise.resolve();

  readonly #parts: ToolRegistrarParts;

  constructor(parts: ToolRegistrarParts) {
    this.#parts = parts;
  }

  /** Goes on reading until stop(); a database that is away now is waited for in the background. */
  async start(): Promise<void> {
    await this.refresh();
    this.#running = this.#watch();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    await this.#reading;
  }

  async register(
    principal: Principal,
    { definition: given, dryRun }: Pick<InputOf<typeof registerTool>, 'definition' | 'dryRun'>,
  ): Promise<OutputOf<typeof registerTool>> {
    adminOnly(principal);
    const { catalog, definitions } = this.#parts;
    const { tool, definition } = this.#made(given);
    const { tenantId, userId } = principal;
    const there = catalog.snapshot.of(tenantId).byName.get(tool.name);
    const own = catalog.of(sourceOf(tenantId))?.some(({ name }) => name === tool.name) ?? false;
    if (there && !own) throw new AppError('conflict', `A tool called "${tool.name}" is there already.`);
    if (dryRun) return { info: tool.info, replaced: own };
    const row = { tenantId, name: tool.name, definition: JSON.stringify(definition), by: userId };
    const put = await definitions.put(row, MAX_OF_TENANT);
    if (put === 'full') throw new AppError('conflict', `A tenant may register ${MAX_OF_TENANT} tools.`);
    this.#tell(principal, tool.name, 'registered');
    await this.#readAnew();
    return { info: tool.info, replaced: put === 'replaced' };
  }

  async remove(principal: Principal, name: string): Promise<boolean> {
    adminOnly(principal);
    const removed = await this.#parts.definitions.remove(principal.tenantId, name);
    if (!removed) return false;
    this.#tell(principal, name, 'removed');
    await this.#readAnew();
    return true;
  }

  async list(principal: Principal): Promise<OutputOf<typeof listRegisteredTools>> {
    adminOnly(principal);
    const rows = await this.#parts.definitions.of(principal.tenantId);
    const tools = rows.flatMap(({ name, definition, by, at }) => {
      const parsed = safeParse(HttpToolDefinition, JSON.parse(definition));
      return parsed.success ? [{ tool: name, definition: parsed.data, by, at }] : [];
    });
    return { tools };
  }

  /** Reads the definitions if they changed. Never throws. */
  refresh(): Promise<void> {
    if (this.#reading) {
      this.#again = true;
      return this.#reading;
    }
    this.#reading = this.#read().finally(() => (this.#reading = undefined));
    return this.#reading;
  }

  /** The read under way may have begun before the change. */
  async #readAnew(): Promise<void> {
    await this.#reading;
    await this.refresh();
  }

  async #watch(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await sleep(this.#parts.everyMs, signal).catch(() => undefined);
      if (!signal.aborted) await this.refresh();
    }
  }

  async #read(): Promise<void> {
    const { definitions, log } = this.#parts;
    do {
      this.#again = false;
      try {
        if (this.#version !== undefined && (await definitions.version()) === this.#version) continue;
        const { version, rows } = await definitions.all(MAX_IN_ALL);
        this.#put(rows);
        this.#version = version;
      } catch (error) {
        logEvent(log, 'registered_tools_unreadable', { err: error });
        return;
      }
    } while (this.#again);
  }

  #put(rows: readonly ToolDefinitionRow[]): void {
    const { catalog } = this.#parts;
    const byTenant = new Map<string, ToolDefinitionRow[]>();
    for (const row of rows) byTenant.set(row.tenantId, [...(byTenant.get(row.tenantId) ?? []), row]);
    for (const tenantId of this.#tenants) if (!byTenant.has(tenantId)) catalog.remove(sourceOf(tenantId));
    this.#tenants = new Set(byTenant.keys());
    for (const [tenantId, own] of byTenant) {
      const tools = own.flatMap((row) => this.#toolOf(row) ?? []);
      this.#putTenant(tenantId, tools);
    }
  }

  #putTenant(tenantId: string, tools: readonly Tool[]): void {
    const { catalog, log } = this.#parts;
    const taken = catalog.snapshot.byName;
    const free = tools.filter(({ name }) => !taken.has(name));
    if (free.length < tools.length) logEvent(log, 'registered_tool_shadowed', { tenantId });
    catalog.put(sourceOf(tenantId), free, tenantId);
  }

  /** The tool of a row; undefined, and logged, where its definition is not valid any more. */
  #toolOf({ tenantId, name, definition }: ToolDefinitionRow): Tool | undefined {
    try {
      return this.#made(JSON.parse(definition) as Record<string, unknown>).tool;
    } catch (error) {
      logEvent(this.#parts.log, 'registered_tool_invalid', { err: error, tenantId, tool: name });
      return undefined;
    }
  }

  #made(given: Record<string, unknown>): { tool: Tool; definition: HttpToolDefinition } {
    const parsed = safeParse(HttpToolDefinition, given);
    if (!parsed.success) throw invalid(issueLines(parsed.error));
    try {
      return { tool: this.#parts.make(parsed.data), definition: parsed.data };
    } catch (error) {
      if (error instanceof DefinitionProblems)
        throw invalid(error.problems.map(({ path, message }) => `${path.join('.') || '(top level)'}: ${message}`));
      throw invalid([error instanceof Error ? error.message : 'it cannot be used']);
    }
  }

  #tell({ tenantId, userId }: Principal, tool: string, change: 'registered' | 'removed'): void {
    const data = { tenant_id: tenantId, user_id: userId, tool, change };
    this.#parts.systemEvents.publish({ type: 'tools.definition.changed', data });
  }
}

function adminOnly({ role }: Principal): void {
  if (role !== 'admin') throw new AppError('forbidden', 'Only an admin registers and removes tools of a tenant.');
}

function invalid(details: readonly string[]): AppError {
  return new AppError('invalid_input', `The tool is not valid: ${details[0] ?? 'wrong shape'}`, {
    details: details.slice(0, 20).map((line) => line.slice(0, 300)),
  });
}

function sourceOf(tenantId: string): string {
  return `the API, for ${tenantId}`;
}
