import type { HttpToolDefinition } from '@switchyard/contracts';
import { type Logger, type Metrics, sleep } from '@switchyard/platform';
import { basename } from 'node:path';
import { type Catalog, NameTaken, type TenantPolicy } from '../catalog/index.ts';
import { logEvent } from '../log-events.ts';
import type { Tool } from '../tool/index.ts';
import { type FileProblem, type ParsedFile, type PolicyOfTenants, readToolFile, toolFilesIn } from './tool-files.ts';

/*
 * Keeps the catalogue in step with the files of a directory, without a restart.
 *
 * - If a file is wrong or cannot be read, its last good version stays. The mistakes are logged once, with their lines.
 * - When a file is gone, its tools go with it.
 * - The directory is polled, because a mounted directory does not report its changes.
 */

export interface FileToolsParts {
  readonly directory: string;
  readonly everyMs: number;
  readonly catalog: Catalog;
  readonly make: (definition: HttpToolDefinition) => Tool;
  /** The policies of the files have changed. */
  readonly onPolicies?: () => void;
  readonly log: Logger;
  readonly metrics?: Metrics;
}

interface Kept {
  readonly stamp: string;
  readonly policies: PolicyOfTenants;
  readonly problems: readonly FileProblem[];
}

export class FileTools {
  readonly #kept = new Map<string, Kept>();
  readonly #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();

  readonly #parts: FileToolsParts;

  constructor(parts: FileToolsParts) {
    this.#parts = parts;
    parts.metrics?.gauge(
      'tool_files_bad',
      'Files with tools that cannot be used as they are',
      [],
      () => [...this.#kept.values()].filter(({ problems }) => problems.length > 0).length,
    );
  }

  /** Reads all files once, then goes on looking. */
  async start(): Promise<void> {
    await this.#look();
    this.#running = this.#watch();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  get problems(): readonly FileProblem[] {
    return [...this.#kept.values()].flatMap(({ problems }) => problems);
  }

  /** What the files allow a tenant: the lists for all ("*") and its own, where each deny counts, and each allow. */
  policyOf(tenantId: string): TenantPolicy {
    const found = [...this.#kept.values()].flatMap(({ policies }) =>
      ['*', tenantId].flatMap((key) => (Object.hasOwn(policies, key) ? [policies[key]!] : [])),
    );
    const allow = found.flatMap((policy) => policy.allow ?? []);
    const closed = found.some((policy) => policy.allow !== undefined);
    return { ...(closed ? { allow } : {}), deny: found.flatMap((policy) => policy.deny ?? []) };
  }

  async #watch(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await sleep(this.#parts.everyMs, signal).catch(() => undefined);
      if (!signal.aborted) await this.#look();
    }
  }

  async #look(): Promise<void> {
    const { directory, catalog, log } = this.#parts;
    try {
      const files = await toolFilesIn(directory);
      const present = new Set(files.map(({ path }) => path));
      const gone = [...this.#kept.keys()].filter((path) => !present.has(path));
      const changed = files.filter(({ path, stamp }) => this.#kept.get(path)?.stamp !== stamp);
      if (gone.length + changed.length === 0) return;
      for (const path of gone) {
        catalog.remove(sourceOf(path));
        this.#kept.delete(path);
        logEvent(log, 'tool_file_removed', { file: path });
      }
      const parsed = await Promise.all(
        changed.map(async (file) => ({ ...file, read: await readToolFile(file.path, this.#parts.make).catch(unread) })),
      );
      // A tool that moved from one file to another is free once the other file was put: the second try succeeds.
      const later = parsed.filter((file) => !this.#put(file, false));
      for (const file of later) this.#put(file, true);
      this.#parts.onPolicies?.();
    } catch (error) {
      logEvent(log, 'tool_files_unreadable', { err: error, directory });
    }
  }

  /** False if a name is taken that a later file may give up. */
  #put({ path, stamp, read }: { path: string; stamp: string; read: ParsedFile }, last: boolean): boolean {
    const { catalog, log } = this.#parts;
    let problems: readonly FileProblem[] = read.ok ? [] : read.problems;
    if (read.ok)
      try {
        catalog.put(sourceOf(path), read.tools);
        logEvent(log, 'tool_file_read', { file: path, tools: read.tools.length });
      } catch (error) {
        if (!last) return false;
        const line = (error instanceof NameTaken && read.lines.get(error.tool)) || 1;
        problems = [{ file: path, line, message: error instanceof Error ? error.message : 'it cannot be used' }];
      }
    const before = this.#kept.get(path);
    const policies = read.ok && problems.length === 0 ? read.policies : (before?.policies ?? {});
    this.#kept.set(path, { stamp, policies, problems });
    for (const { file, line, message } of problems) logEvent(log, 'tool_file_invalid', { file, line, why: message });
    return true;
  }
}

function sourceOf(path: string): string {
  return `the file ${basename(path)}`;
}

function unread(error: unknown): ParsedFile {
  const file = (error as NodeJS.ErrnoException).path ?? '';
  return { ok: false, problems: [{ file, line: 1, message: 'it cannot be read' }] };
}
