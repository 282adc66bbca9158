import { describe, expect, it } from '@jest/globals';
import { HEADERS } from './route.ts';
import { HTTP_ROUTES } from './routes.ts';
import { OrchestrateRequest } from '../orchestrate.ts';
import { HTTP_SCHEMAS } from './schemas.ts';
import { buildOpenApi } from './openapi.ts';

type Json = Readonly<Record<string, unknown>>;
interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly { in: string; name: string; schema: { maxLength?: number } }[];
  readonly requestBody?: { content: Readonly<Record<string, { schema: Json }>> };
  readonly responses: Readonly<Record<string, { content?: Readonly<Record<string, { schema: Json }>> }>>;
}

const document = buildOpenApi();
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, op]) => ({ place: `${method.toUpperCase()} ${path}`, op: op as Operation })),
);
const { schemas } = document['components'] as { schemas: Readonly<Record<string, Json>> };

/** The objects with fields that are written out inside of a value. */
function namelessIn(value: unknown, place: string): string[] {
  if (typeof value !== 'object' || value === null) return [];
  const here = place !== '' && 'properties' in value && Object.keys(value.properties as object).length > 0;
  return [
    ...(here ? [place] : []),
    ...Object.entries(value).flatMap(([key, inner]) => namelessIn(inner, `${place}/${key}`)),
  ];
}

describe('buildOpenApi', () => {
  it('lists every route of the table, with an operation id of its own', () => {
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

  it('has a name for every object that is sent or answered, and none without a use', () => {
    expect(namelessIn(document.paths, '')).toEqual([]);
    expect(Object.entries(schemas).flatMap(([name, schema]) => namelessIn({ [name]: schema }, '').slice(1))).toEqual(
      [],
    );
    const bodies = operations.flatMap(({ op }) => [
      op.requestBody?.content['application/json']?.schema,
      ...Object.values(op.responses).map(({ content }) => content?.['application/json']?.schema),
    ]);
    const nameless = bodies.filter((schema) => schema?.['$ref'] === undefined && schema?.['anyOf'] === undefined);
    expect(nameless.filter((schema) => schema !== undefined && schema['type'] !== 'string')).toEqual([]);
    expect(Object.keys(HTTP_SCHEMAS).filter((name) => schemas[name] === undefined)).toEqual([]);
  });

  it('refers to nothing that is not there', () => {
    const refs = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)];
    expect(refs.filter(([, name]) => schemas[name!] === undefined)).toEqual([]);
  });

  it('tells what is sent from what is answered where they differ', () => {
    expect(schemas['HttpToolDefinition']!['required']).toContain('requires_approval');
    expect(schemas['HttpToolDefinitionInput']!['required']).not.toContain('requires_approval');
    expect(JSON.stringify(schemas['HttpToolDefinitionInput'])).toContain('"#/components/schemas/HttpCallInput"');
  });

  it('promises no text in a query or header that the server cannot take: 16 KiB with the rest of the head', () => {
    for (const { op } of operations) {
      const said = (op.parameters ?? []).filter((each) => each.in !== 'path');
      const texts = said.flatMap(({ name, schema }) => (Object.hasOwn(HEADERS, name) ? [] : (schema.maxLength ?? 0)));
      expect(texts.reduce((sum, max) => sum + max, 0)).toBeLessThanOrEqual(12_500);
    }
  });

  it('says of every operation what it answers to a head that is too large', () => {
    expect(operations.filter(({ op }) => op.responses['431'] === undefined)).toEqual([]);
  });
});

describe('operation ids', () => {
  it('never change: generated clients are named by them', () => {
    const ids = Object.fromEntries(HTTP_ROUTES.map(({ method, path, id }) => [id, `${method} ${path}`]));
    expect(ids).toMatchObject(PUBLISHED);
  });

  it('are added here once they are published', () => {
    expect(HTTP_ROUTES.map(({ id }) => id).filter((id) => !Object.hasOwn(PUBLISHED, id))).toEqual([]);
  });
});

/** The operations that clients may have been generated for. A line is added; none is changed. */
const PUBLISHED = {
  orchestrate: 'POST /orchestrate',
  streamTask: 'GET /orchestrate/stream',
  orchestrateStream: 'POST /orchestrate/stream',
  streamAgUiEvents: 'GET /ag-ui/events',
  runAgent: 'POST /ag-ui',
  getAgentCapabilities: 'GET /ag-ui/capabilities',
  createRun: 'POST /runs',
  listRuns: 'GET /runs',
  getRun: 'GET /runs/{id}',
  streamRunEvents: 'GET /runs/{id}/events',
  cancelRun: 'POST /runs/{id}/cancel',
  decideApproval: 'POST /runs/{id}/approvals/{approvalId}',
  getBudget: 'GET /budget',
  listDeadLetters: 'GET /dead-letters',
  requeueDeadLetter: 'POST /dead-letters/{id}/requeue',
  listQuarantinedTools: 'GET /tools/quarantine',
  decideQuarantinedTool: 'POST /tools/quarantine',
  listUpstreams: 'GET /tools/upstreams',
  lookAtUpstream: 'POST /tools/upstreams/look',
  listEffects: 'GET /effects',
  getEffect: 'GET /effects/{id}',
  settleEffect: 'POST /effects/{id}/settle',
  listTools: 'GET /tools',
  getToolsOpenApi: 'GET /tools/openapi.json',
  getTool: 'GET /tools/{name}',
  callTool: 'POST /tools/{name}/call',
  explainTools: 'GET /tool-rules',
  registerTool: 'POST /tools',
  checkToolFile: 'POST /tools/check',
  listToolDefinitions: 'GET /tool-definitions',
  removeTool: 'DELETE /tools/{name}',
  sendMcpMessage: 'POST /mcp',
  streamMcpSession: 'GET /mcp',
  endMcpSession: 'DELETE /mcp',
  getProtectedResource: 'GET /.well-known/oauth-protected-resource',
  getMcpProtectedResource: 'GET /.well-known/oauth-protected-resource/mcp',
  getProviderPage: 'GET /api/mcp/auth',
  getProviderPageScript: 'GET /api/mcp/auth/page.js',
  getClientDocument: 'GET /api/mcp/auth/client.json',
  getAgentCard: 'GET /.well-known/agent-card.json',
  getSigningKeys: 'GET /.well-known/jwks.json',
  sendA2aRequest: 'POST /a2a',
  sendA2aMessage: 'POST /a2a/v1/message:send',
  streamA2aMessage: 'POST /a2a/v1/message:stream',
  listA2aTasks: 'GET /a2a/v1/tasks',
  cancelA2aTask: 'POST /a2a/v1/tasks/{id}:cancel',
  subscribeToA2aTask: 'POST /a2a/v1/tasks/{id}:subscribe',
  getA2aTask: 'GET /a2a/v1/tasks/{id}',
  getExtendedAgentCard: 'GET /a2a/v1/extendedAgentCard',
  listProviders: 'GET /api/mcp/auth/providers',
  listAvailableTools: 'GET /api/mcp/auth/tools/available',
  searchTools: 'GET /api/mcp/auth/tools/search',
  openAuthorisation: 'GET /api/mcp/auth/{provider}/start',
  startAuthorisation: 'POST /api/mcp/auth/{provider}/start',
  finishAuthorisation: 'GET /api/mcp/auth/callback',
  refreshAuthorisation: 'POST /api/mcp/auth/{provider}/refresh',
  getLiveStatus: 'GET /api/mcp/auth/{provider}/status/live',
  revokeAuthorisation: 'DELETE /api/mcp/auth/{provider}',
  getConfig: 'GET /config',
  queryAudit: 'GET /audit',
  getHealth: 'GET /health',
  getReadiness: 'GET /readiness',
  getMetrics: 'GET /metrics',
  getMetricsDebug: 'GET /metrics-debug',
  getOpenApi: 'GET /openapi.json',
  getDocs: 'GET /docs',
};

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
