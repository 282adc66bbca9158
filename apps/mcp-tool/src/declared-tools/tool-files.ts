import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { AppError, HttpToolDefinition, isRecord, ProviderName, safeParse } from '@switchyard/contracts';
import { z } from 'zod';
import { DefinitionProblems } from './http-tool.ts';
import type { Tool } from '../tool/index.ts';
import { type FileMistake, MAX_MISTAKES, readYaml } from '../common/yaml-file.ts';

/*
 * Reads the operator's files of tools.
 *
 * - A file is taken as a whole or not at all. Every mistake is reported with its line.
 * - The size of a file and the number of files are limited.
 */

/** One mistake in a file. */
export interface FileProblem extends FileMistake {
  readonly file: string;
}

export interface PolicyOfTenants {
  readonly [tenantId: string]: { readonly allow?: readonly string[]; readonly deny?: readonly string[] };
}

export type ParsedFile =
  | {
      readonly ok: true;
      readonly tools: readonly Tool[];
      readonly policies: PolicyOfTenants;
      /** Where each tool begins, by its name. */
      readonly lines: ReadonlyMap<string, number>;
    }
  | { readonly ok: false; readonly problems: readonly FileProblem[] };

const MAX_FILES = 256;
const MAX_FILE_BYTES = 1024 ** 2;
const MAX_TOOLS = 500;
/** Replaces a wrong provider, so that the rest of its tools is checked. */
const STAND_IN = 'provider';

const Pattern = z.string().min(1).max(128);
const Policy = z.strictObject({
  allow: z.array(Pattern).max(256).optional(),
  deny: z.array(Pattern).max(256).optional(),
});
const ToolFile = z.strictObject({
  provider: ProviderName.optional(),
  tools: z.array(z.looseObject({})).max(MAX_TOOLS).default([]),
  policies: z.record(z.string().max(64), Policy).default({}),
});

/** Reads one file. `make` makes a tool of a definition. Pure. */
export function parseToolFile(name: string, text: string, make: (definition: HttpToolDefinition) => Tool): ParsedFile {
  const refused = (mistakes: readonly FileMistake[]): ParsedFile => {
    const byLine = [...mistakes].sort((a, b) => a.line - b.line).slice(0, MAX_MISTAKES);
    return { ok: false, problems: byLine.map((mistake) => ({ file: name, ...mistake })) };
  };
  const file = readYaml(text);
  if ('mistakes' in file) return refused(file.mistakes);
  const given = file.value ?? {};
  const parsed = safeParse(ToolFile, given);
  const mistakes = parsed.success ? [] : file.mistakesIn(parsed.error);
  const provider = providerOf(name, given);
  if (provider === undefined && !mistakes.some(({ message }) => message.startsWith('provider:')))
    mistakes.push(file.mistake(['provider'], 'name it: that of the file cannot be one'));
  const tools: Tool[] = [];
  const lines = new Map<string, number>();
  for (const [index, entry] of entriesIn(given).entries()) {
    if (!isRecord(entry)) continue; // Reported already.
    const at = ['tools', index];
    const definition = safeParse(HttpToolDefinition, { provider: provider ?? STAND_IN, ...entry });
    if (!definition.success) {
      mistakes.push(...file.mistakesIn(definition.error, at));
      continue;
    }
    try {
      const tool = make(definition.data);
      if (lines.has(tool.name)) mistakes.push(file.mistake(['name'], `there are two tools called "${tool.name}"`, at));
      else lines.set(tool.name, file.mistake(['name'], '', at).line);
      tools.push(tool);
    } catch (error) {
      if (error instanceof DefinitionProblems)
        mistakes.push(...error.problems.map(({ path, message }) => file.mistake(path, message, at)));
      else mistakes.push(file.mistake([], error instanceof Error ? error.message : 'it cannot be used', at));
    }
  }
  if (mistakes.length > 0 || !parsed.success) return refused(mistakes);
  return { ok: true, tools, policies: parsed.data.policies, lines };
}

/** The provider in the file, or else in its name; undefined if neither is valid. */
function providerOf(file: string, given: unknown): string | undefined {
  const named = isRecord(given) ? given['provider'] : undefined;
  const fromName = basename(file)
    .replace(/\.ya?ml$/, '')
    .toLowerCase();
  return safeParse(ProviderName, named ?? fromName).data;
}

/** What stands where tools stand, so that their mistakes are told with those of the file. */
function entriesIn(given: unknown): readonly unknown[] {
  const tools = isRecord(given) ? given['tools'] : undefined;
  return Array.isArray(tools) ? (tools as unknown[]).slice(0, MAX_TOOLS) : [];
}

/** Identifies one state of a file. */
export interface FileState {
  readonly path: string;
  readonly stamp: string;
}

/** The files `*.yaml` and `*.yml` of a directory, by name; none where there is no such directory. */
export async function toolFilesIn(directory: string): Promise<FileState[]> {
  let names: string[];
  try {
    names = await readdir(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  const wanted = names.filter((name) => /^[^.].*\.ya?ml$/.test(name)).sort();
  if (wanted.length > MAX_FILES) throw new AppError('overloaded', `At most ${MAX_FILES} files with tools.`);
  const states = await Promise.all(
    wanted.map(async (name): Promise<FileState | undefined> => {
      const path = join(directory, name);
      const found = await stat(path).catch(() => undefined);
      return found?.isFile() ? { path, stamp: `${found.mtimeMs}:${found.size}:${found.ino}` } : undefined;
    }),
  );
  return states.filter((state) => state !== undefined);
}

export async function readToolFile(path: string, make: (definition: HttpToolDefinition) => Tool): Promise<ParsedFile> {
  const bytes = await readFile(path);
  if (bytes.length > MAX_FILE_BYTES)
    return { ok: false, problems: [{ file: path, line: 1, message: 'a file may have at most 1 MB' }] };
  return parseToolFile(path, bytes.toString('utf8'), make);
}
