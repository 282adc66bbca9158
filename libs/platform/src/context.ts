import { AsyncLocalStorage } from 'node:async_hooks';

/** What the work at hand belongs to; every log line and span carries it. */
export interface WorkContext {
  readonly runId?: string;
  readonly stepId?: string;
  readonly tenantId?: string;
  readonly traceparent?: string;
}

const storage = new AsyncLocalStorage<WorkContext>();

/** Runs `fn` with these ids added to those around it. */
export function withContext<T>(context: WorkContext, fn: () => T): T {
  return storage.run({ ...storage.getStore(), ...context }, fn);
}

export function currentContext(): WorkContext {
  return storage.getStore() ?? {};
}
