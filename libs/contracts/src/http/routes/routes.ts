import { A2A_ROUTES } from './a2a.ts';
import type { HttpRoute } from './route.ts';
import { PROVIDER_ROUTES } from './provider.ts';
import { RUN_ROUTES } from './run.ts';
import { SYSTEM_ROUTES } from './system.ts';
import { TOOL_ROUTES } from './tool.ts';

/** Every HTTP route. The server's routes and the OpenAPI document are checked against this table. */
export const HTTP_ROUTES: readonly HttpRoute[] = [
  ...RUN_ROUTES,
  ...TOOL_ROUTES,
  ...PROVIDER_ROUTES,
  ...A2A_ROUTES,
  ...SYSTEM_ROUTES,
];
