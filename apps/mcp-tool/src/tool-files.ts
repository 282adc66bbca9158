import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { AppError, HttpToolDefinition, ProviderName } from '@switchyard/contracts';
import { type Document, LineCounter, parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { DefinitionProblems } from './http-tool.ts';
import type { Tool } from './tool.ts';

/*
 * Tools in files of the operator.
 *
 * D1 A file is taken as a whole or not at all, and all that is wrong with it is told, by line.
 * D2 Files are bounded in size, and so are their aliases.
 */

/** One place of a file that is wrong. */
export interface FileProblem {
  readonly file: string;
  readonly line: number;
  readonly message: string;
}

export interface PolicyOfTenants {
  readonly [tenantId: string]: { readonly allow?: readonly string[]; readonly deny?: readonly string[] };
}

export type ParsedFile =
  | { readonly ok: true; readonly tools: readonly Tool[]; readonly policies: PolicyOfTenants }
  | { readonly ok: false; readonly problems: readonly FileProblem[] };

const MAX_FILES = 256;
const MAX_FILE_BYTES = 1024 ** 2;
const MAX_ALIASES = 100;
const MAX_PROBLEMS = 50;

const Pattern = z.string().min(1).max(128);
const Policy = z.strictObject({
  allow: z.array(Pattern).max(256).optional(),
  deny: z.array(Pattern).max(256).optional(),
});
const ToolFile = z.strictObject({
  provider: ProviderName.optional(),
  tools: z.array(z.looseObject({})).max(500).default([]),
  policies: z.record(z.string().max(64), Policy).default({}),
});

/** Reads one file. `make` makes a tool of a definition. Pure. */
export function parseToolFile(file: string, text: string, make: (definition: HttpToolDefinition) => Tool): ParsedFile {
  const lines = new LineCounter();
  const problems: FileProblem[] = [];
  const add = (line: number, message: string): void => {
    if (problems.length < MAX_PROBLEMS) problems.push({ file, line, message });
  };
  const documents = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false });
  if (!Array.isArray(documents) || documents.length === 0) return { ok: true, tools: [], policies: {} };
  if (documents.length > 1) add(lines.linePos(documents[1]!.range[0]).line, 'a file holds one document');
  const document = documents[0]! as Document;
  for (const { pos, message } of document.errors) add(lines.linePos(pos[0]).line, message.split('\n')[0]!);
  if (problems.length > 0) return { ok: false, problems };
  const placeOf = (path: readonly PropertyKey[]): number => lineAt(document, lines, path);

  let content: unknown;
  try {
    content = document.toJS({ maxAliasCount: MAX_ALIASES }) ?? {};
  } catch {
    return { ok: false, problems: [{ file, line: 1, message: 'its aliases expand to too much' }] };
  }
  const parsed = ToolFile.safeParse(content);
  if (!parsed.success) {
    for (const { path, message } of parsed.error.issues) add(placeOf(path), lineOf(path, message));
    return { ok: false, problems };
  }
  const provider =
    parsed.data.provider ??
    basename(file)
      .replace(/\.ya?ml$/, '')
      .toLowerCase();
  const tools: Tool[] = [];
  parsed.data.tools.forEach((entry, index) => {
    const at = (path: readonly PropertyKey[]): number => placeOf(['tools', index, ...path]);
    const definition = HttpToolDefinition.safeParse({ provider, ...entry });
    if (!definition.success) {
      for (const { path, message } of definition.error.issues) add(at(path), lineOf(path, message));
      return;
    }
    try {
      const tool = make(definition.data);
      if (tools.some(({ name }) => name === tool.name)) add(at(['name']), `there are two tools called "${tool.name}"`);
      tools.push(tool);
    } catch (error) {
      if (error instanceof DefinitionProblems)
        for (const { path, message } of error.problems) add(at(path), lineOf(path, message));
      else add(at([]), error instanceof Error ? error.message : 'it cannot be used');
    }
  });
  return problems.length > 0 ? { ok: false, problems } : { ok: true, tools, policies: parsed.data.policies };
}

function lineOf(path: readonly PropertyKey[], message: string): string {
  return path.length === 0 ? message : `${path.map(String).join('.')}: ${message}`;
}

/** The line of the innermost part of a path that is there. */
function lineAt(document: Document, lines: LineCounter, path: readonly PropertyKey[]): number {
  for (let length = path.length; length >= 0; length -= 1) {
    const node = length === 0 ? document.contents : document.getIn(path.slice(0, length), true);
    const range = (node as { range?: [number, number, number] } | null | undefined)?.range;
    if (range) return lines.linePos(range[0]).line;
  }
  return 1;
}

/** What tells one state of a file from another. */
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
