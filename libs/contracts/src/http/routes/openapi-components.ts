import { z } from 'zod';
import { HTTP_SCHEMAS } from './schemas.ts';

/*
 * Zod schemas as JSON Schemas that refer to each other by the names of HTTP_SCHEMAS. Pure.
 *
 * - A schema with a name is written once, under components, and referred to everywhere else.
 * - What a client sends and what it gets can differ (a field with a default may be left out of what is sent). A name
 *   that is used both ways, and differs, is the name of the answer; the schema of what is sent is called `<Name>Input`.
 */

export type Json = Record<string, unknown>;
type Io = 'input' | 'output';

const PREFIX = '#/components/schemas/';

export interface Components {
  /** The schemas with a name that anything refers to, by name. */
  readonly schemas: Readonly<Record<string, Json>>;
  /** The representation of a schema: a reference if it has a name. */
  of(schema: z.ZodType, io: Io): Json;
}

/** `inputs` and `outputs`: all that the document speaks of. */
export function componentsOf(inputs: readonly z.ZodType[], outputs: readonly z.ZodType[]): Components {
  const input = converted(inputs, 'input');
  const output = converted(outputs, 'output');
  const both = [...input.named.keys()].filter((name) => output.named.has(name));
  const split = new Set(both.filter((name) => differ(input.named.get(name), output.named.get(name))));
  // A schema that refers to a differing one differs as well.
  for (let before = -1; before !== split.size;) {
    before = split.size;
    for (const name of both) if (refsIn(input.named.get(name)!).some((ref) => split.has(ref))) split.add(name);
  }
  const asInput = (json: Json): Json =>
    JSON.parse(JSON.stringify(json), (key, value: unknown) =>
      key === '$ref' && split.has(String(value).slice(PREFIX.length)) ? `${String(value)}Input` : value,
    ) as Json;
  const schemas: Record<string, Json> = Object.fromEntries(output.named);
  for (const [name, json] of input.named) schemas[split.has(name) ? `${name}Input` : name] = asInput(json);
  return {
    schemas: Object.fromEntries(Object.entries(schemas).sort(([a], [b]) => (a < b ? -1 : 1))),
    of: (schema, io) => (io === 'input' ? asInput(input.of(schema)) : output.of(schema)),
  };
}

/** Each schema, and the schemas with names that can be reached from them. */
function converted(wanted: readonly z.ZodType[], io: Io) {
  const registry = z.registry<{ id: string }>();
  for (const [name, schema] of Object.entries(HTTP_SCHEMAS)) registry.add(schema, { id: name });
  const nameless = [...new Set(wanted)].filter((schema) => !registry.has(schema));
  for (const [index, schema] of nameless.entries()) registry.add(schema, { id: `nameless ${index}` });
  const { schemas } = z.toJSONSchema(registry, {
    io,
    uri: (id) => PREFIX + id,
    unrepresentable: 'any',
    reused: 'inline',
  }) as unknown as { schemas: Readonly<Record<string, Json>> };
  const json = (id: string): Json => {
    const { $schema: _dialect, $id: _uri, ...rest } = schemas[id]!;
    return rest;
  };
  const of = (schema: z.ZodType): Json => {
    const { id } = registry.get(schema)!;
    return Object.hasOwn(HTTP_SCHEMAS, id) ? { $ref: PREFIX + id } : json(id);
  };
  const named = new Map<string, Json>();
  const open = wanted.flatMap((schema) => refsIn(of(schema)));
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (named.has(name)) continue;
    named.set(name, json(name));
    open.push(...refsIn(json(name)));
  }
  return { of, named };
}

function refsIn(json: Json): string[] {
  return [...JSON.stringify(json).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)].map((match) => match[1]!);
}

function differ(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) !== JSON.stringify(other);
}
