import { z } from 'zod';
import { ERROR_CODES, type ErrorCode } from './errors.ts';
import type { HttpRoute } from './http-route.ts';
import { HTTP_ROUTES } from './http-routes.ts';
import { Problem } from './http-system.ts';

/** An OpenAPI 3.1 document; its schemas are JSON Schema 2020-12. */
export type OpenApiDocument = Record<string, unknown> & { paths: Record<string, Record<string, unknown>> };

/** Builds the OpenAPI document of the whole HTTP interface from the table of routes. Pure and deterministic. */
export function buildOpenApi(routes: readonly HttpRoute[] = HTTP_ROUTES): OpenApiDocument {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    paths[route.path] ??= {};
    paths[route.path]![route.method.toLowerCase()] = operation(route);
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Switchyard',
      version: '0.1.0',
      description: 'Runs tasks by planning with a language model and acting through tools and other agents.',
    },
    jsonSchemaDialect: 'https://json-schema.org/draft/2020-12/schema',
    paths,
    components: {
      schemas: { Problem: jsonSchema(Problem, 'output') },
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: 'Identity mode jwt' },
        userId: { type: 'apiKey', in: 'header', name: 'X-User-Id', description: 'Identity mode dev' },
      },
    },
  };
}

function operation(route: HttpRoute): Record<string, unknown> {
  const parameters = [
    ...fieldsOf(route.params).map((field) => ({ ...field, in: 'path', required: true })),
    ...fieldsOf(route.query).map((field) => ({ ...field, in: 'query' })),
    ...(route.headers ?? []).map((name) => ({ name, in: 'header', required: false, schema: { type: 'string' } })),
  ];
  return {
    operationId: operationId(route),
    summary: route.summary,
    ...(route.auth === 'none' ? { security: [] } : { security: [{ bearer: [] }, { userId: [] }] }),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(route.body === undefined
      ? {}
      : {
          requestBody: {
            required: !route.body.safeParse(undefined).success,
            content: { 'application/json': { schema: jsonSchema(route.body, 'input') } },
          },
        }),
    responses: { ...successes(route), ...problems(route) },
  };
}

function operationId({ method, path }: HttpRoute): string {
  const words = path.split(/[^A-Za-z0-9]+/).filter((word) => word !== '');
  return method.toLowerCase() + words.map((word) => word[0]!.toUpperCase() + word.slice(1)).join('');
}

function successes(route: HttpRoute): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(route.answers).map(([status, { summary, schema, type }]) => [
      status,
      {
        description: summary,
        ...(schema === undefined ? {} : { content: { 'application/json': { schema: jsonSchema(schema, 'output') } } }),
        ...(type === undefined ? {} : { content: { [type]: { schema: { type: 'string' } } } }),
      },
    ]),
  );
}

/** One entry per status; a status that several codes share lists them. */
function problems(route: HttpRoute): Record<string, unknown> {
  const codes: readonly ErrorCode[] = [
    ...(route.auth === 'none' ? [] : (['unauthenticated'] as const)),
    ...route.errors,
  ];
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of codes)
    byStatus.set(ERROR_CODES[code].http, [...(byStatus.get(ERROR_CODES[code].http) ?? []), code]);
  return Object.fromEntries(
    [...byStatus].map(([status, shared]) => [
      String(status),
      {
        description: shared.map((code) => `${code}: ${ERROR_CODES[code].summary}`).join(' '),
        content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
      },
    ]),
  );
}

function fieldsOf(
  object: z.ZodObject | undefined,
): { name: string; required: boolean; schema: unknown; description?: string }[] {
  if (object === undefined) return [];
  const schema = jsonSchema(object, 'input') as {
    properties?: Record<string, Record<string, unknown>>;
    required?: string[];
  };
  return Object.entries(schema.properties ?? {}).map(([name, field]) => {
    const { description, ...rest } = field;
    return {
      name,
      required: schema.required?.includes(name) ?? false,
      schema: rest,
      ...(typeof description === 'string' ? { description } : {}),
    };
  });
}

function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): Record<string, unknown> {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any', reused: 'inline' });
  return rest;
}
