import { HTTP_ROUTES, type HttpRoute } from '@switchyard/contracts/http';

/* What the table of routes says of a request. Pure. */

/** Files of the page under /docs; not part of the documented interface. */
export const DOCS_ASSETS = '/docs/:file';

/** `/runs/{id}` as the router writes it: `/runs/:id`. */
export function routerPath(path: string): string {
  return path.replaceAll(/\{(\w+)\}/g, ':$1');
}

const AUTH: ReadonlyMap<string, HttpRoute['auth']> = new Map([
  ...HTTP_ROUTES.map((route) => [`${route.method} ${routerPath(route.path)}`, route.auth] as const),
  [`GET ${DOCS_ASSETS}`, 'none'],
]);

/** Whether a route needs an identity; one that is not in the table does. */
export function needsIdentity(method: string, path: string): boolean {
  return AUTH.get(`${method} ${path}`) !== 'none';
}

const PATTERNS = [...HTTP_ROUTES.map(({ path }) => path), '/docs/{file}'].map((path) => ({
  path,
  pattern: new RegExp(`^${path.replaceAll(/\{\w+\}/g, '[^/]+').replaceAll('.', '\\.')}$`),
}));

/** The methods of the path of a URL; empty where there is nothing at all. */
export function methodsAt(url: string): string[] {
  const path = url.split('?', 1)[0] ?? '';
  const known = PATTERNS.find(({ pattern }) => pattern.test(path));
  if (known === undefined) return [];
  if (known.path === '/docs/{file}') return ['GET'];
  return HTTP_ROUTES.filter((route) => route.path === known.path).map(({ method }) => method);
}
