import { issuesIn } from '@switchyard/contracts';
import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, type Document } from 'yaml';
import type { z } from 'zod';

/*
 * Reads a YAML file of the operator: its value, and its mistakes with their lines. Pure.
 *
 * - Every mistake names the line that the operator has to look at. No message holds a value of the file.
 * - The number of aliases is limited, so that a small file does not become a huge value.
 */

export interface FileMistake {
  readonly line: number;
  readonly message: string;
}
type Path = readonly PropertyKey[];

export interface YamlFile {
  /** Undefined where the file is empty. */
  readonly value: unknown;
  /** `at`: the place of the value that was checked. The message names the path from there on. */
  mistake(path: Path, message: string, at?: Path): FileMistake;
  mistakesIn(error: z.ZodError, at?: Path): FileMistake[];
}

export const MAX_MISTAKES = 50;
const MAX_ALIASES = 100;

export function readYaml(text: string): YamlFile | { readonly mistakes: readonly FileMistake[] } {
  const counter = new LineCounter();
  const document = parseDocument(text, { lineCounter: counter, uniqueKeys: true, prettyErrors: false });
  if (document.errors.length > 0)
    return {
      mistakes: document.errors.slice(0, MAX_MISTAKES).map(({ code, pos, message }) => ({
        line: counter.linePos(pos[0]).line,
        message: code === 'MULTIPLE_DOCS' ? 'a file holds one document' : message.split('\n')[0]!,
      })),
    };
  let value: unknown;
  try {
    if (document.contents !== null) value = document.toJS({ maxAliasCount: MAX_ALIASES });
  } catch {
    return { mistakes: [{ line: 1, message: 'the file: its aliases make it too large' }] };
  }
  const mistake = (path: Path, message: string, at: Path = []): FileMistake => ({
    line: lineOf(document, counter, [...at, ...path]),
    message: `${path.map(String).filter(Boolean).join('.') || (at.length > 0 ? 'it' : 'the file')}: ${message}`,
  });
  return {
    value,
    mistake,
    mistakesIn: (error, at) => issuesIn(error).map(({ path, message }) => mistake(path, message, at)),
  };
}

/** The line of the innermost part of the path that stands in the file. */
function lineOf(document: Document, counter: LineCounter, path: Path): number {
  let line = 1;
  let node: unknown = document.contents;
  const found = (range: readonly number[] | null | undefined, next: unknown): void => {
    if (range) line = counter.linePos(range[0]!).line;
    node = next;
  };
  for (const step of path) {
    if (isAlias(node)) node = node.resolve(document);
    const pair = isMap(node)
      ? node.items.find(({ key }) => isScalar(key) && String(key.value) === String(step))
      : undefined;
    if (isScalar(pair?.key)) found(pair.key.range, pair.value);
    else if (isSeq(node) && node.items[Number(step)]) {
      const item = node.items[Number(step)] as { range?: readonly number[] | null };
      found(item.range, item);
    } else break;
  }
  return line;
}
