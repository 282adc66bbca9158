import type { ToolVerdict } from '@switchyard/contracts';
import type { ToolResource } from '@switchyard/contracts/http';
import { compact } from './event-line.ts';

/** Tools as a person reads them. Pure. */

/** What is shown of a tool: all of it on its page, the first part in a list. */
export type ToolRow = Pick<ToolResource, 'name' | 'provider' | 'kind' | 'description' | 'requires_approval'> &
  Partial<ToolResource>;
type JsonSchema = ToolResource['input_schema'];
/** What is shown of the rules for a tool. */
export type VerdictRow = Pick<ToolVerdict, 'tool' | 'provider' | 'visible' | 'rule' | 'because'>;

/** Cells in columns as wide as what stands in them; the last one runs on. */
export function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  return rows.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i]!))
      .join('  ')
      .trimEnd(),
  );
}

export function toolLines(tools: readonly ToolRow[]): string[] {
  return columns(
    tools.map(({ name, provider, kind, description, requires_approval }) => [
      name,
      provider,
      requires_approval ? `${kind}, asks` : kind,
      compact(description, 100),
    ]),
  );
}

export function verdictLines(verdicts: readonly VerdictRow[]): string[] {
  return columns(
    verdicts.map(({ tool, provider, visible, rule, because }) => [
      tool,
      provider,
      visible ? 'visible' : `hidden by ${rule ?? 'a rule'}: ${because ?? ''}`,
    ]),
  );
}

/** All about one tool: what it is, what it takes, and how to call it. */
export function toolPage(tool: ToolRow): string[] {
  const facts = [
    tool.provider,
    tool.kind,
    tool.source,
    tool.version && `version ${tool.version}`,
    tool.idempotency && `repeat: ${tool.idempotency}`,
    tool.required_role && `for the role ${tool.required_role}`,
    tool.requires_approval && 'a person approves each call',
  ].filter((fact) => typeof fact === 'string' && fact !== '');
  const args = argumentRows(tool.input_schema ?? {});
  return [
    `${tool.name}  (${facts.join(', ')})`,
    ...tool.description.split('\n').map((line) => `  ${line}`.trimEnd()),
    '',
    ...(args.length === 0 ? ['Takes no arguments.'] : ['Arguments (* must be given):', ...columns(args)]),
    '',
    `./switchyard tools call ${tool.name}${exampleOf(tool.input_schema ?? {})}`,
    'The whole schema: --json',
  ];
}

/** The mistakes in a file, in the format of editors and compilers. */
export function problemLines(file: string, problems: readonly { line: number; message: string }[]): string[] {
  return problems.map(({ line, message }) => `${file}:${line}: ${message}`);
}

function propertiesOf(schema: JsonSchema): [string, JsonSchema][] {
  const { properties } = schema;
  if (typeof properties !== 'object' || properties === null) return [];
  return Object.entries(properties).map(([name, given]) => [name, isRecord(given) ? given : {}]);
}

function requiredOf({ required }: JsonSchema): readonly unknown[] {
  return Array.isArray(required) ? required : [];
}

function argumentRows(schema: JsonSchema): string[][] {
  const required = requiredOf(schema);
  return propertiesOf(schema).map(([name, property]) => [
    `  ${name}${required.includes(name) ? ' *' : ''}`,
    typeOf(property),
    [
      compact(property['description'], 120),
      property['default'] === undefined ? '' : `(default ${JSON.stringify(property['default'])})`,
    ]
      .filter(Boolean)
      .join(' '),
  ]);
}

function typeOf({ type, enum: values }: JsonSchema): string {
  if (Array.isArray(values)) return compact(values.map((value) => JSON.stringify(value)).join(' | '), 60);
  if (Array.isArray(type)) return type.join(' | ');
  return typeof type === 'string' ? type : 'any';
}

const EXAMPLES: Readonly<Record<string, unknown>> = {
  string: '...',
  integer: 1,
  number: 1,
  boolean: true,
  array: [],
  object: {},
};

/** The arguments that must be given, with something of their type. */
function exampleOf(schema: JsonSchema): string {
  const required = requiredOf(schema);
  const given = propertiesOf(schema).flatMap(([name, { type, enum: values }]) => {
    if (!required.includes(name)) return [];
    return [[name, Array.isArray(values) ? (values[0] as unknown) : (EXAMPLES[String(type)] ?? '...')] as const];
  });
  return given.length === 0 ? '' : ` --arguments '${JSON.stringify(Object.fromEntries(given))}'`;
}

function isRecord(value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null;
}
