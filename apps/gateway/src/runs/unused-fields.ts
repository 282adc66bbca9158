import { OrchestrateRequest } from '@switchyard/contracts/http';

/*
 * Names the fields of a request that change nothing in a notice; none is dropped silently. Unknown names are not
 * refused, because old clients send more than we know; but a client that misspells `tool_constraints` must learn of it.
 * Pure.
 */

type Asked = Pick<OrchestrateRequest, 'grounding' | 'controller'>;

const { shape } = OrchestrateRequest;
/** The known names, by their place in the body. */
const KNOWN: readonly (readonly [path: string, fields: object])[] = [
  ['', shape],
  ['worker', shape.worker.unwrap().unwrap().shape],
  ['grounding', shape.grounding.unwrap().unwrap().shape],
  ['controller', shape.controller.unwrap().unwrap().shape],
  ['tool_constraints', shape.tool_constraints.unwrap().unwrap().shape],
  ['budget', shape.budget.unwrap().unwrap().shape],
  ['tenant', shape.tenant.unwrap().unwrap().shape],
];
const MAX_UNKNOWN = 10;
const MAX_NAME_CHARS = 64;

/** The unused parts of a valid body, in sentences. */
export function unusedFields(body: Asked): string[] {
  const { grounding, controller } = body;
  return [
    ...(isGiven(grounding) ? [notUsed('grounding')] : []),
    ...(isGiven(controller) ? [notUsed('controller')] : []),
    ...KNOWN.flatMap(([path, fields]) => unknownIn(path, fields, body))
      .slice(0, MAX_UNKNOWN)
      .map((field) => `${field} was not used: there is no such field.`),
  ];
}

function unknownIn(path: string, fields: object, body: object): string[] {
  const part = path === '' ? body : (body as Readonly<Record<string, unknown>>)[path];
  if (typeof part !== 'object' || part === null) return [];
  return Object.keys(part)
    .filter((name) => !Object.hasOwn(fields, name))
    .map((name) => `${path === '' ? '' : `${path}.`}${name.slice(0, MAX_NAME_CHARS)}`);
}

function notUsed(field: string): string {
  return `${field} was not used: no agent of this version takes it.`;
}

function isGiven(fields: Readonly<Record<string, unknown>> | null | undefined): boolean {
  return Object.values(fields ?? {}).some((value) => value !== null && value !== undefined);
}
