import { z } from 'zod';
import { isSecretKey, redactText } from './truncate.ts';

/** One mistake in the environment: the variable, its value, and what to do. */
export interface ConfigProblem {
  readonly variable: string;
  /** Masked where the variable may hold a secret. */
  readonly value: string;
  readonly remedy: string;
}

export type ParsedConfig<T> = { ok: true; value: T } | { ok: false; problems: ConfigProblem[] };

/** EX_CONFIG of sysexits.h. */
export const EXIT_CONFIG = 78;

export type Environment = Readonly<Record<string, string | undefined>>;

/** Parses the environment. An empty value counts as absent. Every problem is reported, not just the first. */
export function parseConfig<S extends z.ZodType>(schema: S, env: Environment): ParsedConfig<z.output<S>> {
  const given = withAliases(
    schema,
    Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== '')),
  );
  let parsed: z.ZodSafeParseResult<z.output<S>>;
  try {
    parsed = schema.safeParse(given);
  } catch (error) {
    // A transform that throws is a problem of the configuration as well; zod does not say of which variable.
    const remedy = redactText(error instanceof Error ? error.message : 'it cannot be read');
    return { ok: false, problems: [{ variable: '(several)', value: '(not shown)', remedy }] };
  }
  if (parsed.success) return { ok: true, value: parsed.data };
  return {
    ok: false,
    problems: parsed.error.issues.map((issue) => {
      const variable = String(issue.path[0] ?? '(several)');
      return {
        variable,
        value: shownValue(variable, given[variable], metaOf(shapeOf(schema)[variable])),
        remedy: remedy(issue, given[variable] === undefined),
      };
    }),
  };
}

/** Parses the environment or prints every problem at once and ends the process with exit code 78. */
export function loadConfig<S extends z.ZodType>(schema: S, env: Environment = process.env): z.output<S> {
  const parsed = parseConfig(schema, env);
  if (parsed.ok) return parsed.value;
  const lines = parsed.problems.map(({ variable, value, remedy: what }) => `  ${variable}=${value}: ${what}`);
  process.stderr.write(`The configuration is not valid:\n${lines.join('\n')}\n`);
  process.exit(EXIT_CONFIG);
}

/** One variable of a schema, for the generated documentation and .env.example. */
export interface ConfigVariable {
  readonly variable: string;
  readonly description: string;
  readonly required: boolean;
  /** As it would be written in the environment; undefined where there is none. */
  readonly default?: string;
  readonly alias?: string;
  readonly secret: boolean;
}

/** The variables that a configuration schema reads; also through `.transform()` and `.superRefine()`. */
export function describeConfig(schema: z.ZodType): ConfigVariable[] {
  return Object.entries(shapeOf(schema)).map(([variable, field]) => {
    const fallback = defaultOf(field);
    const alias = metaOf(field).alias;
    return {
      variable,
      description: metaOf(field).description ?? '',
      required: fallback === undefined && !field.safeParse(undefined).success,
      ...(fallback === undefined ? {} : { default: fallback }),
      ...(alias === undefined ? {} : { alias }),
      secret: isSecretVariable(variable),
    };
  });
}

/**
 * Beginnings of names of variables that a configuration reads beside those it names: `.meta({ prefixes })` of its object.
 */
export function configPrefixes(schema: z.ZodType): readonly string[] {
  const own = (schema.meta() as { prefixes?: readonly string[] } | undefined)?.prefixes;
  const inner = innerOf(schema);
  return own ?? (inner ? configPrefixes(inner) : []);
}

interface FieldMeta {
  description?: string;
  alias?: string;
  /** True if it never holds a secret, not even before an @: a mistake shows the whole value. */
  isShown?: boolean;
}

/** Description and alias, wherever in the chain of wrappers they were given. */
function metaOf(field: z.ZodType | undefined): FieldMeta {
  if (field === undefined) return {};
  const own = (field.meta() ?? {}) as FieldMeta;
  const inner = innerOf(field);
  return inner ? { ...metaOf(inner), ...own } : own;
}

function innerOf(field: z.ZodType): z.ZodType | undefined {
  const def = field.def as { innerType?: z.ZodType; in?: z.ZodType; out?: z.ZodType };
  // What z.preprocess() gives is a pipe whose first half is a function: the schema is behind it.
  return def.innerType ?? (def.in instanceof z.ZodTransform ? def.out : def.in);
}

function defaultOf(field: z.ZodType): string | undefined {
  const { defaultValue } = field.def as { defaultValue?: unknown };
  if (defaultValue !== undefined) return typeof defaultValue === 'string' ? defaultValue : JSON.stringify(defaultValue);
  const inner = innerOf(field);
  return inner ? defaultOf(inner) : undefined;
}

function shapeOf(schema: z.ZodType): Record<string, z.ZodType> {
  if (schema instanceof z.ZodObject) return schema.shape as Record<string, z.ZodType>;
  const inner = innerOf(schema);
  return inner ? shapeOf(inner) : {};
}

function withAliases(schema: z.ZodType, env: Record<string, string | undefined>): Record<string, string | undefined> {
  const given = { ...env };
  for (const [variable, field] of Object.entries(shapeOf(schema))) {
    const { alias } = metaOf(field);
    if (given[variable] === undefined && alias !== undefined && given[alias] !== undefined)
      given[variable] = given[alias];
  }
  return given;
}

function isSecretVariable(variable: string): boolean {
  return isSecretKey(variable) || /KEY|SECRET|PASSWORD|TOKEN/.test(variable);
}

function shownValue(variable: string, value: string | undefined, { isShown = false }: FieldMeta): string {
  if (value === undefined) return '(not set)';
  if (isSecretVariable(variable)) return '(hidden)';
  // A URL that does not parse may still hold a password: what stands before its last @ is not shown.
  const masked = redactText(value);
  const text = isShown ? masked : masked.replace(/^([a-z][a-z0-9+.-]{0,30}:\/{0,2})?.*@/is, '$1[redacted]@');
  return text.length <= 80 ? text : `${text.slice(0, 80)}…`;
}

function remedy(issue: z.core.$ZodIssue, absent: boolean): string {
  if (absent && issue.code === 'invalid_type') return 'set this variable';
  return redactText(issue.message);
}
