import type { z } from 'zod';
import { HEADERS, type HttpRoute, TAGS } from './route.ts';
import { HTTP_ROUTES } from './routes.ts';
import { Problem } from '../system.ts';
import { type Components, componentsOf, type Json } from './openapi-components.ts';
import { refusals } from './openapi-refusals.ts';

/** An OpenAPI 3.1 document; its schemas are JSON Schema 2020-12. */
export type OpenApiDocument = Record<string, unknown> & { paths: Record<string, Record<string, unknown>> };

/** Builds the OpenAPI document of the whole HTTP interface from the table of routes. Pure and deterministic. */
export function buildOpenApi(routes: readonly HttpRoute[] = HTTP_ROUTES): OpenApiDocument {
  const components = componentsOf(
    routes.flatMap(({ params, query, body }) => [params, query, body]).filter((schema) => schema !== undefined),
    [Problem, ...routes.flatMap(({ answers }) => Object.values(answers).flatMap(({ schema }) => schema ?? []))],
  );
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    paths[route.path] ??= {};
    paths[route.path]![route.method.toLowerCase()] = operation(route, components);
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Switchyard',
      version: '0.1.0',
      description: 'Runs tasks by planning with a language model and acting through tools and other agents.',
      license: { name: 'Apache License 2.0', identifier: 'Apache-2.0' },
    },
    jsonSchemaDialect: 'https://json-schema.org/draft/2020-12/schema',
    servers: [{ url: '/', description: 'The gateway that serves this document' }],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    paths,
    components: {
      schemas: components.schemas,
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: 'Identity mode jwt' },
        userId: { type: 'apiKey', in: 'header', name: 'X-User-Id', description: 'Identity mode dev' },
      },
    },
  };
}

function operation(route: HttpRoute, components: Components): Json {
  const parameters = [
    ...fieldsOf(route.params, components).map((field) => ({ ...field, in: 'path', required: true })),
    ...fieldsOf(route.query, components).map((field) => ({ ...field, in: 'query' })),
    ...(route.headers ?? []).map((name) => {
      const { maxLength, description } = HEADERS[name];
      return { name, in: 'header', required: false, schema: { type: 'string', maxLength }, description };
    }),
  ];
  return {
    operationId: route.id,
    tags: [route.tag],
    summary: route.summary,
    ...(route.auth === 'none' ? { security: [] } : { security: [{ bearer: [] }, { userId: [] }] }),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(route.body === undefined
      ? {}
      : {
          requestBody: {
            required: !route.body.safeParse(undefined).success,
            content: { 'application/json': { schema: components.of(route.body, 'input') } },
          },
        }),
    // An answer of the route itself tells more than a refusal of the same status.
    responses: { ...refusals(route), ...successes(route, components) },
  };
}

function successes(route: HttpRoute, components: Components): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(route.answers).map(([status, { summary, schema, type }]) => [
      status,
      {
        description: summary,
        ...(schema === undefined
          ? {}
          : { content: { 'application/json': { schema: components.of(schema, 'output') } } }),
        ...(type === undefined ? {} : { content: { [type]: { schema: { type: 'string' } } } }),
      },
    ]),
  );
}

function fieldsOf(
  object: z.ZodObject | undefined,
  components: Components,
): { name: string; required: boolean; schema: unknown; description?: string }[] {
  if (object === undefined) return [];
  const { properties = {}, required = [] } = components.of(object, 'input') as {
    properties?: Record<string, Json>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, { description, ...schema }]) => ({
    name,
    required: required.includes(name),
    schema,
    ...(typeof description === 'string' ? { description } : {}),
  }));
}
