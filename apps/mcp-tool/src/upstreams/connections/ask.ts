import { AsyncLocalStorage } from 'node:async_hooks';
import type { ProgressCallback, RequestOptions } from '@modelcontextprotocol/client';
import type { McpLogLevel } from '@switchyard/contracts';
import type { Question } from '../../tool/index.ts';

/* What goes with one request to an upstream, and how what comes back in the middle of it finds its way. */

export interface Ask {
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number | undefined;
  readonly maxTimeoutMs?: number | undefined;
  readonly onProgress?: ProgressCallback | undefined;
  /** Log messages of the upstream that belong to this request. */
  readonly onLog?: ((message: LogMessage) => void) | undefined;
  /** Nothing is asked in the middle of it. */
  readonly isList?: boolean | undefined;
  /** Answers what an upstream of the older protocol asks in the middle of this request. */
  readonly onQuestion?: ((question: Question) => Promise<Record<string, unknown>>) | undefined;
}

export interface LogMessage {
  readonly level: McpLogLevel;
  readonly logger?: string | undefined;
  readonly data: unknown;
}

/** Whose request the work at hand is for: what comes on the stream of a request belongs to it. */
export const asking = new AsyncLocalStorage<Ask>();

/** The same for the SDK. */
export function options({ signal, timeoutMs, maxTimeoutMs, onProgress }: Ask): RequestOptions {
  return {
    ...(signal ? { signal } : {}),
    ...(timeoutMs === undefined ? {} : { timeout: timeoutMs }),
    ...(maxTimeoutMs === undefined ? {} : { maxTotalTimeout: maxTimeoutMs }),
    // Asking for progress at all is what keeps a long call alive.
    resetTimeoutOnProgress: true,
    onprogress: onProgress ?? (() => undefined),
  };
}
