import { createRequire } from 'node:module';
import { AppError, sha256 } from '@switchyard/contracts';
import type { Ajv as AjvInstance, ErrorObject, ValidateFunction } from 'ajv';
import { LRUCache } from 'lru-cache';
import { RE2JS } from 're2js';
import { canonicalJson } from '../common/index.ts';
import { OPERATORS, type SchemaBounds, schemaProblem, UNTRUSTED_SCHEMA } from './schema-bounds.ts';
import type { Checked, Trust } from './tool.ts';

/*
 * Compiles JSON Schemas of tools when the tools are registered.
 *
 * - The size of a schema is limited before it is compiled (schema-bounds.ts), and no schema is fetched from anywhere.
 * - Patterns run in linear time (RE2). A pattern that needs more than that (a look-ahead, a back reference) is refused.
 * - An untrusted schema only judges: it sets no defaults and changes no value. The schema of an operator fills in
 *   defaults, in a copy.
 * - Validators are cached by the content of their schema. A validator that throws refuses the value.
 */

/** Judges a value. Names at most 20 places that are wrong, and never their values. */
export type Validator = (value: unknown) => Checked;

const require = createRequire(import.meta.url);
const Ajv2020 = (require('ajv/dist/2020') as { Ajv2020: typeof AjvInstance }).Ajv2020;
const Ajv07 = (require('ajv') as { Ajv: typeof AjvInstance }).Ajv;
const addFormats = (require('ajv-formats') as { default: (ajv: AjvInstance, options: { mode: 'fast' }) => void })
  .default;

/** An instance keeps parts of everything that it compiled; after this many a new one replaces it. */
const COMPILED_PER_INSTANCE = 500;
const MAX_KEPT = 4_000;
const MAX_ISSUES = 20;

type Dialect = '2020-12' | 'draft-07';
interface Instance {
  readonly ajv: AjvInstance;
  compiled: number;
}

const instances = new Map<string, Instance>();
const kept = new LRUCache<string, Validator>({ max: MAX_KEPT });

/** A validator of the schema. Throws AppError `invalid_input` where it may not or cannot be compiled. */
export function compileSchema(
  schema: Readonly<Record<string, unknown>>,
  trust: Trust,
  bounds: SchemaBounds = trust === 'trusted' ? OPERATORS : UNTRUSTED_SCHEMA,
): Validator {
  const problem = schemaProblem(schema, bounds);
  if (problem !== undefined) throw refused(problem);
  const key = `${trust}:${sha256(canonicalJson(schema))}`;
  const known = kept.get(key);
  if (known) return known;
  const validator = validatorOf(compiled(schema, trust), trust);
  kept.set(key, validator);
  return validator;
}

function compiled(schema: Readonly<Record<string, unknown>>, trust: Trust): ValidateFunction {
  const { $schema, $id: _ours, ...rest } = schema;
  const instance = instanceFor(dialectOf($schema), trust);
  instance.compiled += 1;
  try {
    return instance.ajv.compile(rest);
  } catch (error) {
    throw refused(error instanceof Error ? error.message : 'It is not a JSON Schema.', error);
  } finally {
    instance.ajv.removeSchema(rest);
  }
}

function instanceFor(dialect: Dialect, trust: Trust): Instance {
  const key = `${dialect}:${trust}`;
  const known = instances.get(key);
  if (known && known.compiled < COMPILED_PER_INSTANCE) return known;
  const trusted = trust === 'trusted';
  // Optimising takes four times as long as compiling and blocks the process.
  const code = { regExp: re2, optimize: false };
  const options = { strict: false, logger: false, allErrors: trusted, useDefaults: trusted, code };
  const ajv = new (dialect === '2020-12' ? Ajv2020 : Ajv07)(options as ConstructorParameters<typeof AjvInstance>[0]);
  addFormats(ajv, { mode: 'fast' });
  const made: Instance = { ajv, compiled: 0 };
  instances.set(key, made);
  return made;
}

/**
 * Patterns that run in linear time. Ajv tells patterns apart by their text: without a text of its own, the pattern of
 * another schema would be used in the place of this one.
 */
const re2 = Object.assign(
  (pattern: string) => {
    const expression = RE2JS.compile(RE2JS.translateRegExp(pattern));
    return { test: (text: string) => expression.matcher(text).find(), toString: () => `/${pattern}/re2` };
  },
  { code: 're2' },
);

/** Refuses where the check throws. Only the schema of an operator fills in defaults, in a copy. */
function validatorOf(validate: ValidateFunction, trust: Trust): Validator {
  return (given) => {
    try {
      const value: unknown = trust === 'trusted' ? structuredClone(given) : given;
      if (validate(value)) return { ok: true, value };
      return { ok: false, issues: (validate.errors ?? []).slice(0, MAX_ISSUES).map(issueLine) };
    } catch {
      return { ok: false, issues: ['(top level): it cannot be checked'] };
    }
  };
}

function issueLine({ instancePath, keyword, message = 'does not fit', params }: ErrorObject): string {
  const path = instancePath.slice(1).replaceAll('/', '.').slice(0, 200);
  const { allowedValues, additionalProperty, missingProperty } = params as {
    readonly allowedValues?: readonly unknown[];
    readonly additionalProperty?: string;
    readonly missingProperty?: string;
  };
  const inner = (key: string) => (path === '' ? key : `${path}.${key}`).slice(0, 250);
  if (keyword === 'required' && missingProperty !== undefined) return `${inner(missingProperty)}: it is missing`;
  if (additionalProperty !== undefined) return `${inner(additionalProperty)}: there is no such field`;
  const more = allowedValues ? `: ${JSON.stringify(allowedValues)}` : '';
  return `${path || '(top level)'}: ${message}${more}`.slice(0, 300);
}

function dialectOf($schema: unknown): Dialect {
  if ($schema === undefined) return '2020-12';
  if (typeof $schema === 'string') {
    if (/draft-0[467]\/schema/.test($schema)) return 'draft-07';
    if (/json-schema\.org\/(draft\/20(19-09|20-12)\/)?schema/.test($schema)) return '2020-12';
  }
  throw refused('Its $schema is not one that is known here: JSON Schema 2020-12 or draft-07.');
}

function refused(why: string, cause?: unknown): AppError {
  return new AppError('invalid_input', `The schema was refused: ${why.slice(0, 500)}`, { cause });
}
