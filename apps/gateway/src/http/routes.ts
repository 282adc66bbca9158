import { HTTP_ROUTES, type HttpRoute } from '@switchyard/contracts/http';

/* Reads the table of routes for a request. Pure. */

/** Files of the page under /docs; not part of the documented interface. */
export const DOCS_ASSETS = '/docs/:file';

/**
 * `/runs/{id}` as the router writes it: `/runs/:id`. A colon of the path itself is doubled, and a parameter before one
 * takes none in.
 */
export function routerPath(path: string): string {
  return path.replaceAll(':', '::').replaceAll(/\{(\w+)\}(?=(:?))/g, (_, name: string, colon: string) => {
    return colon === '' ? `:${name}` : `:${name}(^[^:/]+)`;
  });
}

const AUTH: ReadonlyMap<string, HttpRoute['auth']> = new Map([
  ...HTTP_ROUTES.map((route) => [`${route.method} ${routerPath(route.path)}`, route.auth] as const),
  [`GET ${DOCS_ASSETS}`, 'none'],
]);

/** The role that a route requires; a route that is not in the table is for users. */
export function authOf(method: string, path: string): HttpRoute['auth'] {
  return AUTH.get(`${method} ${path}`) ?? 'user';
}

/** Routes that change something although they use GET: they start a run or an authorisation. */
const ACTING_GETS: ReadonlySet<string> = new Set([
  'GET /orchestrate/stream',
  'GET /ag-ui/events',
  'GET /api/mcp/auth/:provider/start',
]);

/**
 * Routes that read with another method, or whose service decides better what is a change: an auditor calls the tools
 * that only read.
 */
const FOR_AUDITORS: ReadonlySet<string> = new Set([
  'POST /mcp',
  'DELETE /mcp',
  'POST /tools/check',
  'POST /tools/:name/call',
  'POST /a2a',
  `POST ${routerPath('/a2a/v1/tasks/{id}:subscribe')}`,
]);

/** True if an auditor may make this request, as far as its route tells. */
export function readsOnly(method: string, path: string): boolean {
  return !acts(method, path) || FOR_AUDITORS.has(`${method} ${path}`);
}

/** True if a request changes something, as far as its route tells. */
export function acts(method: string, path: string): boolean {
  return (method !== 'GET' && method !== 'HEAD') || ACTING_GETS.has(`${method} ${path}`);
}

const PATTERNS = [...HTTP_ROUTES.map(({ path }) => path), '/docs/{file}'].map((path) => ({
  path,
  pattern: new RegExp(`^${path.replaceAll(/\{\w+\}/g, '[^/]+').replaceAll('.', '\\.')}$`),
}));

/** The methods of a URL's path; empty if the path is unknown. */
export function methodsAt(url: string): string[] {
  const path = url.split('?', 1)[0] ?? '';
  const known = PATTERNS.find(({ pattern }) => pattern.test(path));
  if (known === undefined) return [];
  if (known.path === '/docs/{file}') return ['GET'];
  return HTTP_ROUTES.filter((route) => route.path === known.path).map(({ method }) => method);
}
