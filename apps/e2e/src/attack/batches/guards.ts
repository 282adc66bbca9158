import { type Attack, type Batch, type HttpCase, type Operation, tryAll } from '../kit/index.ts';

/** The routes that answer a caller without an identity. A new one is a decision, which a person records here. */
const OPEN: ReadonlySet<string> = new Set([
  'GET /health',
  'GET /readiness',
  'GET /openapi.json',
  'GET /docs',
  'GET /.well-known/agent-card.json',
  'GET /.well-known/jwks.json',
  'GET /.well-known/oauth-protected-resource',
  'GET /.well-known/oauth-protected-resource/mcp',
  'GET /api/mcp/auth',
  'GET /api/mcp/auth/page.js',
  'GET /api/mcp/auth/client.json',
  'GET /api/mcp/auth/callback',
]);

const LOOKS_LIKE_A_USER: readonly (readonly [string, string])[] = [
  ['X-User-Id', 'ada'],
  ['X-Tenant-Id', 'acme'],
  ['X-User-Role', 'admin'],
];

function pathOf({ path }: Operation): string {
  return path.replaceAll(/\{\w+\}/g, 'anything');
}

function casesOf(operation: Operation): HttpCase[] {
  const { method } = operation;
  const path = pathOf(operation);
  const body = operation.body === undefined ? {} : { body: '{"task":"calculate 1+1"}' };
  // 403: a route for operators refuses a caller without an identity in the same way.
  const wants = [401, 403];
  return (['jwt', 'edge'] as const).flatMap((gateway) => [
    { name: `${gateway}: ${method} ${operation.path} without credentials`, gateway, method, path, wants, ...body },
    {
      name: `${gateway}: ${method} ${operation.path} with the headers of development`,
      gateway,
      method,
      path,
      headers: LOOKS_LIKE_A_USER,
      wants,
      ...body,
    },
  ]);
}

const name = 'guards';
export const guards: Batch = {
  name,
  about: 'every route of the OpenAPI document without credentials, in the modes of production',
  run: async (attack: Attack) => {
    const { operations } = attack.interface;
    const closed = operations.filter(({ method, path }) => !OPEN.has(`${method} ${path}`));
    for (const { method, path, guarded } of closed) {
      attack.findings.tried(name);
      if (!guarded)
        attack.findings.add({ batch: name, case: `${method} ${path}`, what: 'its document says that anybody may ask' });
    }
    await tryAll(attack, name, closed.flatMap(casesOf));
  },
};
