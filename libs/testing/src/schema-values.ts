import fc from 'fast-check';

/*
 * Values for messages that are known by their JSON Schema alone. `fitting` follows the schema as far as it can;
 * `spoiled` takes such a value and breaks it in a few places. Both are fast-check arbitraries: the same seed gives the
 * same values, and what fails is made smaller.
 */

export type Schema = Readonly<Record<string, unknown>> | boolean;
/** Resolves a `$ref`; undefined where nothing has that name. */
export type Resolve = (ref: string) => Schema | undefined;

const MAX_DEPTH = 6;
const MAX_ITEMS = 3;
const MAX_CHARS = 40;

/** Values that fit the schema; for a keyword that is not understood here, any JSON. */
export function fitting(schema: Schema, resolve: Resolve = () => undefined, depth = 0): fc.Arbitrary<unknown> {
  if (typeof schema === 'boolean' || depth > MAX_DEPTH) return fc.constant(null);
  const within = (inner: Schema) => fitting(inner, resolve, depth + 1);
  if (typeof schema['$ref'] === 'string') return within(resolve(schema['$ref']) ?? true);
  if ('const' in schema) return fc.constant(schema['const']);
  if (Array.isArray(schema['enum'])) return fc.constantFrom(...(schema['enum'] as unknown[]));
  for (const key of ['anyOf', 'oneOf']) {
    const options = schema[key];
    if (Array.isArray(options) && options.length > 0) return fc.oneof(...options.map((one) => within(one as Schema)));
  }
  if (Array.isArray(schema['allOf'])) return objects(schema['allOf'] as Schema[], within);
  const { type } = schema;
  if (Array.isArray(type)) return fc.oneof(...type.map((one) => within({ ...schema, type: one as unknown })));
  switch (type) {
    case 'string':
      return text(schema);
    case 'integer':
      return fc.integer({ min: bound(schema, 'minimum', -1_000), max: bound(schema, 'maximum', 10_000) });
    case 'number':
      return fc.integer({ min: bound(schema, 'minimum', -1_000), max: bound(schema, 'maximum', 10_000) });
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    case 'array':
      return fc.array(within((schema['items'] as Schema | undefined) ?? {}), {
        minLength: Math.min(Number(schema['minItems'] ?? 0), MAX_ITEMS),
        maxLength: MAX_ITEMS,
      });
    case 'object':
      return object(schema, within);
    default:
      return fc.jsonValue({ maxDepth: 2 });
  }
}

/** Values of `values`, each with one to three places replaced, taken away or added. */
export function spoiled(values: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  const change = fc.record({ at: fc.nat(), how: fc.constantFrom(...HOW), by: fc.constantFrom(...HOSTILE_VALUES) });
  return fc
    .tuple(values, fc.array(change, { minLength: 1, maxLength: 3 }))
    .map(([value, changes]) => changes.reduce(applied, value));
}

const HOW = ['replace', 'remove', 'add', 'wrap'] as const;
interface Change {
  readonly at: number;
  readonly how: (typeof HOW)[number];
  readonly by: unknown;
}

/** Values that often break interfaces: other types, ends of ranges, wildcards, paths, prototypes, broken text. */
export const HOSTILE_VALUES: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1.5,
  1e308,
  Number.MAX_SAFE_INTEGER + 2,
  '',
  ' ',
  '*',
  'a.>',
  '>',
  '$JS.API.STREAM.PURGE.RUNS',
  '../../../../etc/passwd',
  '..%2f..%2fetc%2fpasswd',
  'a\u0000b',
  'a\r\nX-Injected: 1',
  '\ud800',
  '\u202eabc\u200b',
  '🦆'.repeat(50),
  'x'.repeat(5_000),
  "' or 1=1; --",
  '${jndi:ldap://127.0.0.1/x}',
  '{{7*7}}',
  'http://127.0.0.1:1/',
  'file:///etc/passwd',
  '1e999',
  '9'.repeat(400),
  [],
  {},
  [[[[[[[[]]]]]]]],
  JSON.parse('{"__proto__": {"role": "admin"}}'),
  { constructor: { prototype: { role: 'admin' } } },
  { toString: 5, then: 'x', length: -1 },
  // A length that no comparison can use.
  { length: { toString: 5, valueOf: 5 }, size: { toString: 5 } },
  Array.from({ length: 300 }, () => 0),
];

function applied(value: unknown, { at, how, by }: Change): unknown {
  if (how === 'wrap') return [value];
  const places = placesIn(value);
  const place = places[at % places.length];
  if (place === undefined || place.length === 0) return how === 'add' ? added(value, by) : by;
  return changedAt(value, place, how, by);
}

type Place = readonly (string | number)[];

/** Every place in a value, the whole value first; bounded. */
function placesIn(value: unknown, here: Place = [], into: Place[] = []): Place[] {
  if (into.length > 200) return into;
  into.push(here);
  if (typeof value !== 'object' || value === null) return into;
  const keys: (string | number)[] = Array.isArray(value) ? [...value.keys()] : Object.keys(value);
  for (const key of keys) placesIn((value as Record<string, unknown>)[key as string], [...here, key], into);
  return into;
}

function changedAt(value: unknown, place: Place, how: Change['how'], by: unknown): unknown {
  const [key, ...rest] = place;
  if (key === undefined) return how === 'add' ? added(value, by) : by;
  if (Array.isArray(value)) {
    const copy: unknown[] = [...(value as unknown[])];
    if (rest.length === 0 && how === 'remove') copy.splice(Number(key), 1);
    else copy[Number(key)] = changedAt(copy[Number(key)], rest, how, by);
    return copy;
  }
  const entries = Object.entries(value as object);
  const changed = entries.flatMap(([name, inner]: [string, unknown]) => {
    if (name !== key) return [[name, inner]];
    return rest.length === 0 && how === 'remove' ? [] : [[name, changedAt(inner, rest, how, by)]];
  });
  return Object.fromEntries(changed) as unknown;
}

function added(value: unknown, by: unknown): unknown {
  if (Array.isArray(value)) return [...(value as unknown[]), by];
  return typeof value === 'object' && value !== null ? { ...value, unexpected: by } : by;
}

function bound(schema: Readonly<Record<string, unknown>>, key: 'minimum' | 'maximum', otherwise: number): number {
  const said = schema[key];
  if (typeof said !== 'number') {
    const other = schema[key === 'minimum' ? 'maximum' : 'minimum'];
    if (typeof other !== 'number') return otherwise;
    return key === 'minimum' ? Math.min(otherwise, clamped(other)) : Math.max(otherwise, clamped(other));
  }
  return clamped(said);
}

function clamped(value: number): number {
  return Math.max(-2_147_483_648, Math.min(2_147_483_647, Math.trunc(value)));
}

function text(schema: Readonly<Record<string, unknown>>): fc.Arbitrary<string> {
  if (schema['format'] === 'uri') return fc.webUrl();
  const minLength = Math.min(Number(schema['minLength'] ?? 0), MAX_CHARS);
  const maxLength = Math.min(Number(schema['maxLength'] ?? MAX_CHARS), MAX_CHARS);
  const free = fc.string({ minLength, maxLength });
  if (typeof schema['pattern'] !== 'string') return free;
  try {
    return fc.stringMatching(new RegExp(schema['pattern'], 'u'));
  } catch {
    return free; // no value can be generated from this pattern; values that miss it are generated as well
  }
}

type Within = (schema: Schema) => fc.Arbitrary<unknown>;

function object(schema: Readonly<Record<string, unknown>>, within: Within): fc.Arbitrary<unknown> {
  const properties = (schema['properties'] ?? {}) as Readonly<Record<string, Schema>>;
  const required = new Set((schema['required'] ?? []) as readonly string[]);
  const model = Object.fromEntries(Object.entries(properties).map(([name, inner]) => [name, within(inner)]));
  const known = fc.record(model, { requiredKeys: Object.keys(model).filter((name) => required.has(name)) });
  const more = schema['additionalProperties'];
  if (typeof more !== 'object' || more === null) return known;
  const free = fc.dictionary(fc.string({ minLength: 1, maxLength: 8 }), within(more as Schema), { maxKeys: MAX_ITEMS });
  return fc.tuple(free, known).map(([extra, own]) => ({ ...extra, ...own }));
}

function objects(parts: readonly Schema[], within: Within): fc.Arbitrary<unknown> {
  return fc
    .tuple(...parts.map(within))
    .map((values) => values.reduce((all: object, one) => ({ ...all, ...(one as object) }), {}));
}
