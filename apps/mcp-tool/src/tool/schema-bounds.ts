/*
 * Whether a JSON Schema from elsewhere is one that may be compiled. Pure, and without recursion: what is too deep or
 * too large is found out before anything else looks at it.
 *
 * - A schema has at most 64 levels and 256 KB. Its parts and what its patterns come to are bounded, too, so that compiling
 *   it keeps nobody waiting. The bounds are lower for an untrusted schema than for the operator's.
 * - A reference leads to a place in the same schema, never elsewhere.
 * - A check costs a bounded time: references that multiply each other, or that lead back without taking a step into the
 *   value, are refused.
 */

const MAX_DEPTH = 64;
export interface SchemaBounds {
  /** The limit of objects in a schema. */
  readonly parts: number;
  /** What its patterns come to, repetitions written out. */
  readonly patterns: number;
}
export const OPERATORS: SchemaBounds = { parts: 2_000, patterns: 20_000 };
export const UNTRUSTED_SCHEMA: SchemaBounds = { parts: 500, patterns: 3_000 };
const MAX_SCHEMA_BYTES = 256 * 1024;
/** How many schemas may be tried on one value, all references followed. */
const MAX_TRIES = 10_000;

type Json = Record<string, unknown>;

/** Keywords whose value is data, not schemas. */
const DATA = new Set(['const', 'enum', 'default', 'examples', 'example']);
/** Keywords whose keys are names that somebody chose. */
const NAMED = new Set(['properties', 'patternProperties', '$defs', 'definitions', 'dependentSchemas', 'dependencies']);
const REFERENCES = ['$ref', '$dynamicRef', '$recursiveRef'] as const;

/** What is wrong with the schema, as a sentence for its author; undefined if it may be compiled. */
export function schemaProblem(schema: unknown, bounds: SchemaBounds = UNTRUSTED_SCHEMA): string | undefined {
  if (!isObject(schema)) return 'A schema must be an object.';
  return boundsProblem(schema, bounds) ?? (mayBeTriedTooOften(schema) ? TOO_MANY_TRIES : undefined);
}

const TOO_MANY_TRIES = 'Its references multiply each other or lead back to themselves.';

/** Finds too many levels, bytes, parts or patterns, and references that lead out of the schema. */
function boundsProblem(schema: Json, { parts, patterns }: SchemaBounds): string | undefined {
  const open: { value: unknown; depth: number; as: 'schema' | 'names' | 'data' }[] = [];
  open.push({ value: schema, depth: 1, as: 'schema' });
  let [bytes, objects, searched] = [0, 0, 0];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { value, depth, as } = next;
    bytes += typeof value === 'string' ? value.length + 2 : 4;
    if (bytes > MAX_SCHEMA_BYTES) return `It is larger than ${MAX_SCHEMA_BYTES / 1024} KB.`;
    if (typeof value !== 'object' || value === null) continue;
    if (depth > MAX_DEPTH) return `It is deeper than ${MAX_DEPTH} levels.`;
    if (Array.isArray(value)) {
      if (value.length > MAX_SCHEMA_BYTES) return `It is larger than ${MAX_SCHEMA_BYTES / 1024} KB.`;
      for (const item of value as unknown[]) open.push({ value: item, depth: depth + 1, as });
      continue;
    }
    objects += 1;
    if (objects > parts) return `It has more than ${parts} parts.`;
    for (const [key, inner] of Object.entries(value)) {
      bytes += key.length + 3;
      if (as === 'schema' && typeof inner === 'string') {
        if (REFERENCES.some((name) => name === key) && !/^#(\/|$)/.test(inner))
          return `It refers to "${inner.slice(0, 200)}"; only references within it ("#/…") are followed.`;
        if (key === 'pattern') searched += patternCost(inner, patterns);
        if (key === '$id' && value !== schema) return 'Only the whole schema may have an $id.';
      }
      if (as === 'schema' && key === 'patternProperties' && isObject(inner))
        for (const pattern of Object.keys(inner)) searched += patternCost(pattern, patterns);
      if (searched > patterns) return 'Its patterns are too long, or repeat too much.';
      const inside = as === 'data' || (as === 'schema' && DATA.has(key)) ? 'data' : 'schema';
      open.push({ value: inner, depth: depth + 1, as: as === 'schema' && NAMED.has(key) ? 'names' : inside });
    }
  }
  return undefined;
}

/** The length of a pattern with its counted repetitions written out, at least; more than `limit` is not counted on. */
export function patternCost(pattern: string, limit = Infinity): number {
  const open = [0];
  let last = 0;
  const add = (cost: number): void => {
    last = cost;
    open[open.length - 1]! += cost;
  };
  for (let i = 0; i < pattern.length && open[0]! <= limit; i += 1) {
    const char = pattern[i]!;
    const counted = char === '{' ? /^\{(\d+)(?:,(\d*))?\}/.exec(pattern.slice(i, i + 24)) : null;
    if (counted) {
      const times = Math.max(1, Number(counted[1]), Number(counted[2] || 0));
      open[open.length - 1]! += last * (times - 1);
      last *= times;
      i += counted[0].length - 1;
    } else if (char === '(') open.push(0);
    else if (char === ')' && open.length > 1) add(open.pop()! + 1);
    else if (char === '\\') {
      add(1);
      i += 1;
    } else if (char === '[') {
      const end = classEnd(pattern, i);
      add(end - i);
      i = end;
    } else if (char === '*' || char === '+' || char === '?') open[open.length - 1]! += 1;
    else add(1);
  }
  return open.reduce((sum, cost) => sum + cost, 0);
}

function classEnd(pattern: string, start: number): number {
  for (let i = start + 1; i < pattern.length; i += 1) {
    if (pattern[i] === '\\') i += 1;
    else if (pattern[i] === ']' && i > start + 1) return i;
  }
  return pattern.length;
}

/**
 * Counts the schemas that apply to the same value. It may recurse, because the depth of the schema is limited by now.
 */
function mayBeTriedTooOften(schema: Json): boolean {
  const known = new Map<object, number>();
  const path = new Set<object>();
  const tries = (value: unknown): number => {
    if (!isObject(value)) return 1;
    const before = known.get(value);
    if (before !== undefined) return before;
    if (path.has(value)) return Infinity;
    path.add(value);
    let sum = 1;
    for (const name of REFERENCES) {
      const reference = value[name];
      if (typeof reference !== 'string') continue;
      sum += tries(resolve(schema, reference));
    }
    for (const key of ['allOf', 'anyOf', 'oneOf'] as const)
      for (const branch of asList(value[key])) sum += tries(branch);
    for (const key of ['not', 'if', 'then', 'else'] as const) if (key in value) sum += tries(value[key]);
    for (const key of ['dependentSchemas', 'dependencies'] as const)
      for (const branch of Object.values(isObject(value[key]) ? value[key] : {}))
        sum += Array.isArray(branch) ? 1 : tries(branch);
    path.delete(value);
    known.set(value, sum);
    return sum;
  };
  return everyObject(schema).some((part) => tries(part) > MAX_TRIES);
}

function everyObject(schema: Json): Json[] {
  const found: Json[] = [];
  const open: unknown[] = [schema];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (typeof next !== 'object' || next === null) continue;
    if (!Array.isArray(next)) found.push(next as Json);
    for (const inner of Object.values(next)) open.push(inner);
  }
  return found;
}

/** The part that a JSON pointer in a fragment leads to; undefined where it leads nowhere. */
function resolve(schema: Json, reference: string): unknown {
  if (reference === '#') return schema;
  let place: unknown = schema;
  for (const token of reference.slice(2).split('/')) {
    if (typeof place !== 'object' || place === null) return undefined;
    place = (place as Json)[unescaped(token)];
  }
  return place;
}

function unescaped(token: string): string {
  try {
    return decodeURIComponent(token).replaceAll('~1', '/').replaceAll('~0', '~');
  } catch {
    return token;
  }
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : [];
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
