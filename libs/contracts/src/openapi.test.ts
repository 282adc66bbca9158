import { describe, expect, it } from '@jest/globals';
import { HTTP_ROUTES } from './http-routes.ts';
import { OrchestrateRequest } from './http-orchestrate.ts';
import { buildOpenApi } from './openapi.ts';

describe('buildOpenApi', () => {
  it('lists every route of the table, with an operation id of its own', () => {
    const { paths } = buildOpenApi();
    const operations = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, op]) => ({
        place: `${method.toUpperCase()} ${path}`,
        op: op as { operationId: string },
      })),
    );
    expect(operations.map(({ place }) => place).sort()).toEqual(HTTP_ROUTES.map((r) => `${r.method} ${r.path}`).sort());
    expect(new Set(operations.map(({ op }) => op.operationId)).size).toBe(HTTP_ROUTES.length);
  });

  it('is the same on every call, so that drift shows as a difference', () => {
    expect(JSON.stringify(buildOpenApi())).toBe(JSON.stringify(buildOpenApi()));
  });

  it('names every path parameter in its path', () => {
    for (const route of HTTP_ROUTES) {
      const named = [...route.path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
      expect(Object.keys(route.params?.shape ?? {})).toEqual(named);
    }
  });
});

describe('OrchestrateRequest', () => {
  it('takes what old clients send: nulls, unknown fields, nothing but a task', () => {
    expect(OrchestrateRequest.parse({ task: 'x' })).toEqual({ task: 'x' });
    expect(
      OrchestrateRequest.parse({
        task: 'x',
        worker: null,
        budget: { max_steps: 3, max_tokens: null },
        grounding: { base_url: null, api_key: null },
        later_field: 1,
      }),
    ).toEqual({
      task: 'x',
      worker: null,
      budget: { max_steps: 3, max_tokens: null },
      grounding: { base_url: null, api_key: null },
    });
  });

  it.each([
    [{}],
    [{ task: ' ' }],
    [{ task: 1 }],
    [{ task: 'x', run_id: 'a.>' }],
    [{ task: 'x', budget: { max_steps: 0 } }],
    [[]],
    [null],
    ['x'],
  ])('refuses %j', (body) => {
    expect(OrchestrateRequest.safeParse(body).success).toBe(false);
  });
});
