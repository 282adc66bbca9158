import { toPublicError } from '@switchyard/contracts';
import type { McpRouterParts, McpRouter } from './router.ts';

/*
 * Loads the MCP router with the first request for it. The SDK and its schemas take some 15 MB and a tenth of a second,
 * which a gateway without MCP clients saves.
 */
export class LazyMcpRouter {
  #loading: Promise<McpRouter> | undefined;
  #router: McpRouter | undefined;
  #closed = false;

  readonly #parts: McpRouterParts;

  constructor(parts: McpRouterParts) {
    this.#parts = parts;
  }

  get sessions(): number {
    return this.#router?.sessions ?? 0;
  }

  async serve(...request: Parameters<McpRouter['serve']>): ReturnType<McpRouter['serve']> {
    const router = this.#router ?? (await (this.#loading ??= this.#load()));
    return router.serve(...request);
  }

  /** A user's tools may have changed. Before the first request no client listens. */
  toolsChanged(...who: Parameters<McpRouter['toolsChanged']>): void {
    this.#router?.toolsChanged(...who);
  }

  /** Ends idle streams, so that their clients reconnect elsewhere. */
  drain(): void {
    this.#router?.drain();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#router?.close();
  }

  async #load(): Promise<McpRouter> {
    const { McpRouter } = await import('./router.ts');
    const router = new McpRouter(this.#parts);
    if (this.#closed) await router.close();
    this.#router = router;
    return router;
  }
}

/** An error in the protocol's form, for a request that reached no transport. */
export function refusal(status: number, code: number, error: unknown): Response {
  const { code: ours, message } = toPublicError(error);
  return Response.json({ jsonrpc: '2.0', id: null, error: { code, message, data: { code: ours } } }, { status });
}
