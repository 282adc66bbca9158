import { toPublicError } from '@switchyard/contracts';
import type { FrontParts, McpFront } from './front.ts';

/*
 * What stands before the MCP front and is there from the start. The front comes with the first request for it: the SDK
 * and its schemas take some 15 MB and a tenth of a second, of which a gateway that nobody asks for /mcp needs nothing.
 */
export class McpEntrance {
  #loading: Promise<McpFront> | undefined;
  #front: McpFront | undefined;
  #closed = false;

  constructor(private readonly parts: FrontParts) {}

  get sessions(): number {
    return this.#front?.sessions ?? 0;
  }

  async serve(...request: Parameters<McpFront['serve']>): ReturnType<McpFront['serve']> {
    const front = this.#front ?? (await (this.#loading ??= this.#load()));
    return front.serve(...request);
  }

  /** The tools of somebody may be others now. Before the first request there is nobody to be told. */
  toolsChanged(...who: Parameters<McpFront['toolsChanged']>): void {
    this.#front?.toolsChanged(...who);
  }

  /** What only waits ends, so that its clients go elsewhere. */
  drain(): void {
    this.#front?.drain();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#front?.close();
  }

  async #load(): Promise<McpFront> {
    const { McpFront } = await import('./front.ts');
    const front = new McpFront(this.parts);
    if (this.#closed) await front.close();
    this.#front = front;
    return front;
  }
}

/** An error of ours as the protocol has it, where no leg was asked. */
export function refusal(status: number, code: number, error: unknown): Response {
  const { code: ours, message } = toPublicError(error);
  return Response.json({ jsonrpc: '2.0', id: null, error: { code, message, data: { code: ours } } }, { status });
}
