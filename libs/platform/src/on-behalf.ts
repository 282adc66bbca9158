import { AsyncLocalStorage } from 'node:async_hooks';

/*
 * On whose behalf something is done, for what is noted of it further down (a request that goes over XMPP): never a reason to
 * allow anything, for which the principal is handed on in the open.
 *
 * It holds while the work lasts. What the work leaves behind, such as a timer or a connection that others use later, is
 * nobody's.
 */
export interface Behalf {
  readonly tenantId: string;
  readonly userId: string;
  readonly runId?: string | undefined;
}

interface Scope {
  readonly behalf: Behalf;
  over: boolean;
}

const scopes = new AsyncLocalStorage<Scope>();
let remembers = false;

/** Starts to remember: before this call there is no store, which on Node 20 slows down every promise of the process. */
export function rememberBehalf(): void {
  remembers = true;
}

export async function onBehalfOf<T>(behalf: Behalf, work: () => Promise<T>): Promise<T> {
  if (!remembers) return work();
  const scope: Scope = { behalf, over: false };
  try {
    return await scopes.run(scope, work);
  } finally {
    scope.over = true;
  }
}

export function currentBehalf(): Behalf | undefined {
  const scope = scopes.getStore();
  return scope === undefined || scope.over ? undefined : scope.behalf;
}
