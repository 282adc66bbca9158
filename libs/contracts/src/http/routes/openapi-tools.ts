import type { OpenApiDocument } from './openapi.ts';
import type { ToolInfo } from '../../tools/tools.ts';

/*
 * The interface with the tools that one caller may use, each as an operation of its own. Pure.
 *
 * - Every tool is a path `/tools/<name>/call`, served by the route that the document has for all tools.
 * - A schema of a tool is a document of its own (`$id`): its references into itself still lead there.
 * - The document is bounded, and says so where tools are missing in it.
 */

const CALL = '/tools/{name}/call';
export const MAX_OPENAPI_TOOLS = 1_000;
const MAX_TOOL_BYTES = 4 * 1024 ** 2;

type Json = Record<string, unknown>;

export function withTools(document: OpenApiDocument, tools: readonly ToolInfo[]): OpenApiDocument {
  const general = document.paths[CALL]!['post'] as Json;
  const paths: OpenApiDocument['paths'] = { ...document.paths };
  const schemas: Json = {};
  let bytes = 0;
  let shown = 0;
  for (const tool of tools.slice(0, MAX_OPENAPI_TOOLS)) {
    bytes += JSON.stringify(tool).length;
    if (bytes > MAX_TOOL_BYTES) break;
    paths[CALL.replace('{name}', tool.name)] = { post: operation(tool, general) };
    schemas[`${tool.name}.arguments`] = schemaOf(tool, 'arguments', tool.inputSchema);
    if (tool.outputSchema) schemas[`${tool.name}.output`] = schemaOf(tool, 'output', tool.outputSchema);
    shown += 1;
  }
  const components = (document['components'] ?? {}) as { schemas?: Json };
  return {
    ...document,
    paths,
    components: { ...components, schemas: { ...components.schemas, ...schemas } },
    'x-switchyard-tools': { shown, complete: shown === tools.length },
  };
}

function operation(tool: ToolInfo, general: Json): Json {
  const { name, title, description, provider, kind, idempotency, requiresApproval } = tool;
  const parameters = ((general['parameters'] ?? []) as { in: string }[]).filter((given) => given.in !== 'path');
  const responses = general['responses'] as Json;
  const body = {
    type: 'object',
    properties: { arguments: { $ref: `#/components/schemas/${name}.arguments` } },
    required: ['arguments'],
  };
  return {
    operationId: `call_${name}`,
    tags: [provider],
    summary: title ?? description.split('\n')[0]!.slice(0, 200),
    description,
    security: general['security'],
    ...(parameters.length === 0 ? {} : { parameters }),
    requestBody: { required: true, content: { 'application/json': { schema: body } } },
    responses: { ...responses, 200: answered(tool, responses['200'] as Json) },
    'x-switchyard': { kind, idempotency, requires_approval: requiresApproval ?? false },
  };
}

/** The answer that all tools give, where this one says what its output is. */
function answered({ name, outputSchema }: ToolInfo, general: Json): Json {
  if (!outputSchema) return general;
  const { schema } = (general['content'] as Record<string, { schema: Json }>)['application/json']!;
  const output = { type: 'object', properties: { output: { $ref: `#/components/schemas/${name}.output` } } };
  return { ...general, content: { 'application/json': { schema: { allOf: [schema, output] } } } };
}

/** The schema with an `$id` of its own, so that its references into itself still lead there. */
function schemaOf({ name }: ToolInfo, part: string, schema: Json): Json {
  return { ...schema, $id: `urn:switchyard:tool:${name}:${part}` };
}
