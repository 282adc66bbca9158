import { AsyncLocalStorage } from 'node:async_hooks';
import type { ProgressCallback, RequestOptions } from '@modelcontextprotocol/client';
import type { McpLogLevel } from '@switchyard/contracts';
import type { Question } from '../../tool/index.ts';

/* The parameters of one request to an upstream, and the routing of messages that arrive during it. */

export interface Ask {
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number | undefined;
  readonly maxTimeoutMs?: number | undefined;
  readonly onProgress?: ProgressCallback | undefined;
  /** Log messages of the upstream that belong to this request. */
  readonly onLog?: ((message: LogMessage) => void) | undefined;
  /** The upstream may ask nothing during a list. */
  readonly isList?: boolean | undefined;
  /** Answers questions that an upstream of the older protocol asks during this request. */
  readonly onQuestion?: ((question: Question) => Promise<Record<string, unknown>>) | undefined;
}

export interface LogMessage {
  readonly level: McpLogLevel;
  readonly logger?: string | undefined;
  readonly data: unknown;
}

/** The request for which the current work runs: messages on the stream of a request belong to it. */
export const asking = new AsyncLocalStorage<Ask>();

/** The same for the SDK. */
export function options({ signal, timeoutMs, maxTimeoutMs, onProgress }: Ask): RequestOptions {
  return {
    ...(signal ? { signal } : {}),
    ...(timeoutMs === undefined ? {} : { timeout: timeoutMs }),
    ...(maxTimeoutMs === undefined ? {} : { maxTotalTimeout: maxTimeoutMs }),
    // A long call stays alive only if progress is requested at all.
    resetTimeoutOnProgress: true,
    onprogress: onProgress ?? (() => undefined),
  };
}
