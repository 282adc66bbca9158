import type { HttpRoute } from './http-route.ts';
import { PROVIDER_ROUTES } from './http-routes-provider.ts';
import { RUN_ROUTES } from './http-routes-run.ts';
import { SYSTEM_ROUTES } from './http-routes-system.ts';
import { TOOL_ROUTES } from './http-routes-tool.ts';

/** Every HTTP route. The server's routes and the OpenAPI document are checked against this table. */
export const HTTP_ROUTES: readonly HttpRoute[] = [...RUN_ROUTES, ...TOOL_ROUTES, ...PROVIDER_ROUTES, ...SYSTEM_ROUTES];
