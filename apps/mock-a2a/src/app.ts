import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo, ListenOptions } from 'node:net';
import {
  A2A_VERSION_HEADER,
  AGENT_CARD_PATH,
  AgentCard,
  formatSSEErrorEvent,
  formatSSEEvent,
  SSE_HEADERS,
} from '@a2a-js/sdk';
import {
  defaultServerCallContextBuilder,
  JsonRpcTransportHandler,
  UnauthenticatedUser,
  validateVersion,
} from '@a2a-js/sdk/server';
import { mockCard } from './card.ts';
import { MockExecutor } from './executor.ts';
import { SameMessageHandler } from './same-message.ts';
import { RecentTasks } from './task-store.ts';

export interface MockA2aOptions {
  /** 0 = any free port. */
  port: number;
  host?: string;
  /** A unix socket to listen on in place of a port. */
  path?: string;
  /** Base URL for the card; default the loopback address. */
  publicUrl?: string;
  name?: string;
  /** false: the card offers no streaming, and a streamed send is refused. */
  streaming?: boolean;
  /** Told, by its id, of every message that arrives, and of each that is worked on. */
  onMessage?: (what: 'arrived' | 'worked-on', messageId: string) => void;
}

export interface MockA2a {
  url: string;
  port: number;
  /** How many messages were really worked on; a recognised repetition is not. */
  executions(): number;
  stop(): Promise<void>;
}

const MAX_BODY_BYTES = 1024 * 1024;
const NOT_JSON = { jsonrpc: '2.0', id: null, error: { code: -32700, message: 'The body is not JSON.' } };

/** Starts a small real A2A 1.0 agent: its card, and JSON-RPC under /a2a. Keeps at most 1,000 tasks, in memory. */
export async function createMockA2a(options: MockA2aOptions): Promise<MockA2a> {
  const server = createServer();
  const { path: socketPath, port: wanted, host = '127.0.0.1' } = options;
  const port = await listening(server, socketPath === undefined ? { port: wanted, host } : { path: socketPath });
  const url = `http://127.0.0.1:${port}`;
  const card = mockCard(options.publicUrl ?? url, {
    name: options.name ?? 'Mock agent',
    streaming: options.streaming ?? true,
  });
  const { onMessage = () => undefined } = options;
  const executor = new MockExecutor((messageId) => onMessage('worked-on', messageId));
  const handler = new SameMessageHandler(card, new RecentTasks(), executor);
  handler.onArrival = (messageId) => onMessage('arrived', messageId);
  const rpc = new JsonRpcTransportHandler(handler);
  const cardBody = JSON.stringify(AgentCard.toJSON(card));

  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    answer(request, response).catch(() => {
      if (!response.headersSent) sendJson(response, 500, { error: 'internal' });
      else response.destroy();
    });
  });

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = (request.url ?? '/').split('?', 1)[0];
    if (request.method === 'GET' && path === `/${AGENT_CARD_PATH}`) {
      response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'max-age=60' }).end(cardBody);
    } else if (request.method === 'GET' && path === '/health') {
      sendJson(response, 200, { status: 'ok' });
    } else if (request.method === 'POST' && path === '/a2a') {
      await answerRpc(request, response);
    } else {
      sendJson(response, 404, { error: 'not_found' });
    }
  };

  const answerRpc = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = parse(await readBody(request));
    if (body === undefined) return sendJson(response, 200, NOT_JSON);
    const id = idOf(body);
    const failed = (error: unknown): object => ({
      jsonrpc: '2.0',
      id,
      error: JsonRpcTransportHandler.mapToJSONRPCError(error),
    });
    try {
      const version = request.headers[A2A_VERSION_HEADER.toLowerCase()];
      const context = defaultServerCallContextBuilder({
        extensions: [],
        user: new UnauthenticatedUser(),
        headers: request.headers,
        ...(typeof version === 'string' ? { requestedVersion: version } : {}),
      });
      validateVersion(context.requestedVersion, card, 'JSONRPC');
      const result = await rpc.handle(body, context);
      if (Symbol.asyncIterator in result) await sendStream(response, result, failed);
      else sendJson(response, 200, result);
    } catch (error) {
      sendJson(response, 200, failed(error));
    }
  };

  return {
    url,
    port,
    executions: () => executor.executions,
    stop: async () => {
      executor.stopAll();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

/** A refusal before the first event is plain JSON; after it, an error event in the stream. */
async function sendStream(
  response: ServerResponse,
  events: AsyncGenerator<unknown, void, undefined>,
  failed: (error: unknown) => object,
): Promise<void> {
  try {
    // Read to the end even where the client has left: reading is what keeps the stored task up to date.
    for await (const event of events) {
      if (response.destroyed) continue;
      if (!response.headersSent) response.writeHead(200, SSE_HEADERS);
      response.write(formatSSEEvent(event));
    }
    response.end();
  } catch (error) {
    if (!response.headersSent) sendJson(response, 200, failed(error));
    else response.end(formatSSEErrorEvent(failed(error)));
  }
}

/** The port; 0 for a unix socket. */
async function listening(server: Server, where: ListenOptions): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(where, resolve);
  });
  const address = server.address() as AddressInfo | string;
  return typeof address === 'string' ? 0 : address.port;
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) throw new Error('The body is too large.');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** An object as JSON-RPC wants it; undefined for anything else. */
function parse(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function idOf({ id }: Record<string, unknown>): string | number | null {
  return typeof id === 'string' || typeof id === 'number' ? id : null;
}

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}
