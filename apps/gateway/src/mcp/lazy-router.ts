import { toPublicError } from '@switchyard/contracts';
import type { McpRouterParts, McpRouter } from './router.ts';

/*
 * What stands before the MCP front and is there from the start. The front comes with the first request for it: the SDK
 * and its schemas take some 15 MB and a tenth of a second, of which a gateway that nobody asks for /mcp needs nothing.
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

  /** The tools of somebody may be others now. Before the first request there is nobody to be told. */
  toolsChanged(...who: Parameters<McpRouter['toolsChanged']>): void {
    this.#router?.toolsChanged(...who);
  }

  /** What only waits ends, so that its clients go elsewhere. */
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

/** An error of ours as the protocol has it, where no leg was asked. */
export function refusal(status: number, code: number, error: unknown): Response {
  const { code: ours, message } = toPublicError(error);
  return Response.json({ jsonrpc: '2.0', id: null, error: { code, message, data: { code: ours } } }, { status });
}
