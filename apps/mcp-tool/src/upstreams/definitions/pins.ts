import { sha256 } from '@switchyard/contracts';
import type { ToolPin, ToolPinChange } from '@switchyard/store';
import { canonicalJson } from '../../common/index.ts';
import { type Definition, scanDefinition } from './scan.ts';

/*
 * Decides by pins which of an upstream's tools may be used: those whose definition is exactly the approved one. Pure.
 *
 * - A definition is pinned by the hash of everything that a model or a program takes from it.
 * - A definition that nobody approved is quarantined: that of a new tool, and a changed one of a known tool. A tool
 *   whose definition returns to the approved one is usable again.
 * - Approval at first use covers only the tools of an upstream that was never seen before, and none that the scan
 *   objects to. A person always reviews later changes.
 * - If an upstream has several tools with the same name, none of them is used.
 */

export interface Judgement {
  readonly active: readonly Definition[];
  readonly changes: readonly ToolPinChange[];
}

/** The definition as it is hashed, kept and compared: every field that a model or a program takes from it. */
export function canonicalDefinition(tool: Definition): string {
  const { name, title, description, inputSchema, outputSchema, annotations } = tool;
  return canonicalJson({ name, title, description, inputSchema, outputSchema, annotations });
}

export function hashOf(definition: string): string {
  return sha256(definition);
}

export interface JudgeOptions {
  readonly approve: 'manual' | 'first_use';
  /** Names of tools of other providers. */
  readonly others: readonly string[];
  /** Why this definition cannot be used at all, such as a schema that does not compile. */
  readonly objections?: (definition: Definition) => readonly string[];
}

export function judge(seen: readonly Definition[], pins: readonly ToolPin[], options: JudgeOptions): Judgement {
  const known = new Map(pins.map((pin) => [pin.tool, pin]));
  const neverSeen = pins.length === 0;
  const times = new Map<string, number>();
  for (const { name } of seen) times.set(name, (times.get(name) ?? 0) + 1);
  const active: Definition[] = [];
  const changes: ToolPinChange[] = [];
  for (const definition of seen) {
    const { name } = definition;
    if (times.get(name)! > 1) continue; // Several tools have this name: none of them is used.
    const pin = known.get(name);
    const text = canonicalDefinition(definition);
    const objections = options.objections?.(definition) ?? [];
    if (pin?.approved === text) {
      // An approved definition may have become unusable since: the limits are ours and can change.
      if (objections.length === 0) active.push(definition);
      if (pin.pending !== null) changes.push({ tool: name, become: 'settled' });
      continue;
    }
    const found = [...objections, ...scanDefinition(definition, options.others)];
    if (!pin && neverSeen && options.approve === 'first_use' && found.length === 0) {
      active.push(definition);
      changes.push({ tool: name, become: 'approved', definition: text });
      continue;
    }
    if (pin?.rejected === hashOf(text) || pin?.pending === text) continue;
    const why = pin?.approved == null ? 'new' : 'changed';
    changes.push({ tool: name, become: 'quarantined', definition: text, reasons: [why, ...found] });
  }
  return { active, changes };
}

const MAX_DIFF_LINES = 200;

/** What changed, field by field: "- " what was approved, "+ " what waits. For people. */
export function definitionDiff(approved: string | null, pending: string | null): string[] {
  const [before, after] = [linesOf(approved), linesOf(pending)];
  const lines: string[] = [];
  for (const path of [...new Set([...before.keys(), ...after.keys()])]) {
    const [was, is] = [before.get(path), after.get(path)];
    if (was === is) continue;
    if (was !== undefined) lines.push(`- ${path}: ${was}`);
    if (is !== undefined) lines.push(`+ ${path}: ${is}`);
  }
  return lines.length <= MAX_DIFF_LINES
    ? lines
    : [...lines.slice(0, MAX_DIFF_LINES), `… ${lines.length - MAX_DIFF_LINES} more lines`];
}

/** Every leaf with its path. What nobody sees is written out. */
function linesOf(definition: string | null): Map<string, string> {
  const lines = new Map<string, string>();
  const walk = (value: unknown, path: string): void => {
    if (typeof value === 'object' && value !== null && Object.keys(value).length > 0)
      for (const [key, item] of Object.entries(value)) walk(item, path === '' ? key : `${path}.${key}`);
    else lines.set(path, readable(JSON.stringify(value)));
  };
  if (definition !== null) walk(JSON.parse(definition), '');
  return lines;
}

function readable(text: string): string {
  // Everything but plain text as \u{...}: a hidden character is what the reader is to find.
  return text.replace(
    /[^\x20-\x7e\u00a1-\u1fff\u2c00-\ud7ff]/gu,
    (char) => `\\u{${char.codePointAt(0)!.toString(16)}}`,
  );
}
