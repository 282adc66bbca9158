import { isRecord } from '@switchyard/contracts';
import { BoundedMap } from '@switchyard/platform';
import { stem, topicWords, verbClass, wordsOf } from './vocabulary.ts';
import type { VerbClass } from './vocabulary.ts';

/** A function as a chat request offers it. */
export interface OfferedFunction {
  name: string;
  description?: string | undefined;
  parameters?: Record<string, unknown> | undefined;
}

/** What kind of value a parameter takes, read from its name, description, type and format. */
type ParameterKind =
  | 'arithmetic' | 'place' | 'email' | 'url' | 'date' | 'query' | 'title' | 'content' | 'task' | 'choice'
  | 'number' | 'boolean' | 'list' | 'object' | 'text'; // prettier-ignore

export interface Parameter {
  name: string;
  kind: ParameterKind;
  required: boolean;
  schema: Record<string, unknown>;
}

/** What the planner knows of one offered function. Derived from its declaration alone. */
export interface FunctionProfile {
  name: string;
  description: string;
  verb: VerbClass | undefined;
  nameWords: ReadonlySet<string>;
  descriptionWords: ReadonlySet<string>;
  parameterWords: ReadonlySet<string>;
  parameters: readonly Parameter[];
}

const KINDS_BY_NAME: [RegExp, ParameterKind][] = [
  [/^(?:expr|expression|formula|calculation|equation|math)$/, 'arithmetic'],
  [/city|location|place|town|region|country/, 'place'],
  [/e_?mail|recipient|^to$/, 'email'],
  [/url|uri|link|href/, 'url'],
  [/date$|^day$|^since$|^until$/, 'date'],
  [/^(?:q|query|search|keywords?|topic|question|terms?)$/, 'query'],
  [/task|instruction|prompt|goal/, 'task'],
  [/title|subject|name$|key$|label|slug|(?:^|_)id$/, 'title'],
  [/content|text|body|message|note|value|data|input|comment/, 'content'],
];

const KINDS_BY_DESCRIPTION: [RegExp, ParameterKind][] = [
  [/arithmetic|mathematical/i, 'arithmetic'],
  [/\b(?:city|town|place)\b/i, 'place'],
  [/\be-?mail address\b/i, 'email'],
];

function kindOf(name: string, schema: Record<string, unknown>): ParameterKind {
  if (Array.isArray(schema.enum) || schema.const !== undefined) return 'choice';
  const type = Array.isArray(schema.type) ? schema.type.find((each) => each !== 'null') : schema.type;
  if (type === 'number' || type === 'integer') return 'number';
  if (type === 'boolean') return 'boolean';
  if (type === 'array') return 'list';
  if (type === 'object') return 'object';
  if (schema.format === 'email') return 'email';
  if (schema.format === 'uri' || schema.format === 'url') return 'url';
  if (schema.format === 'date' || schema.format === 'date-time') return 'date';
  const snake = wordsOf(name).join('_');
  const byName = KINDS_BY_NAME.find(([pattern]) => pattern.test(snake))?.[1];
  if (byName) return byName;
  const description = typeof schema.description === 'string' ? schema.description : '';
  return KINDS_BY_DESCRIPTION.find(([pattern]) => pattern.test(description))?.[1] ?? 'text';
}

function describe(offered: OfferedFunction): FunctionProfile {
  const properties = isRecord(offered.parameters?.properties) ? offered.parameters.properties : {};
  const required = Array.isArray(offered.parameters?.required) ? offered.parameters.required : [];
  const parameters = Object.entries(properties)
    .slice(0, 64)
    .map(([name, schema]): Parameter => {
      const known = isRecord(schema) ? schema : {};
      return { name, kind: kindOf(name, known), required: required.includes(name), schema: known };
    });
  const nameWords = wordsOf(offered.name);
  const description = (offered.description ?? '').slice(0, 1_000);
  return {
    name: offered.name,
    description,
    verb: nameWords.map(verbClass).find((verb) => verb !== undefined),
    nameWords: new Set(nameWords.map(stem)),
    descriptionWords: topicWords(description),
    parameterWords: topicWords(parameters.map(({ name }) => name).join(' ')),
    parameters,
  };
}

const CACHE_LIMIT = 512;
const cache = new BoundedMap<string, FunctionProfile>(CACHE_LIMIT);

/** The profile of a function; kept for the last 512 declarations, since every request offers the same ones. */
export function profileOf(offered: OfferedFunction): FunctionProfile {
  const key = `${offered.name}\n${offered.description ?? ''}\n${JSON.stringify(offered.parameters ?? null)}`;
  const known = cache.get(key);
  if (known) return known;
  const profile = describe(offered);
  cache.set(key, profile);
  return profile;
}
