import {
  classifyInboundRequest,
  createMcpHandler,
  isInitializeRequest,
  legacyStatelessFallback,
  type McpHttpHandler,
  type McpServerFactory,
} from '@modelcontextprotocol/server';
import type { Bus } from '@switchyard/bus';
import { callTool, type Principal } from '@switchyard/contracts';
import type { Logger } from '@switchyard/platform';
import { type LooseClient, OpenCalls } from './calls.ts';
import { Handover, type SessionAnswer } from './handover.ts';
import { HeaderSchemas } from './header-schemas.ts';
import { ListWatch } from './list-watch.ts';
import { type PlainCall, plainAnswer, plainCall } from './plain-call.ts';
import { createMcpServer, type McpParts, type McpViewer } from './server.ts';
import { replicaOf, type Session, type SessionLimits, Sessions } from './sessions.ts';
import { ToolLists, withList } from './tool-lists.ts';

/*
 * Routes an MCP request to the transport that serves its protocol version.
 *
 * - 2026-07-28: every request is self-contained, on any replica.
 * - 2025-11-25 and 2025-06-18, from `initialize` on: requests belong to a session (sessions.ts), which lives at this
 *   replica or at the one that began it (handover.ts).
 * - 2025-11-25 and 2025-06-18 without a session: every request is self-contained. A cancel is matched to its call
 *   (calls.ts).
 * - All transports use the same server (server.ts), so they cannot drift apart. Only a plain call that gave a result
 *   bypasses it (plain-call.ts).
 * - The router splices the cached list of tools into the answer for a 2026-07-28 client: a thousand definitions are
 *   neither validated nor serialised each time. For older clients the SDK rewrites some schemas.
 * - A listening client is notified when its own tools change (list-watch.ts): on the stream of its session, or on that
 *   of `subscriptions/listen`.
 */

export interface Caller {
  readonly principal: Principal;
  readonly address: string;
  readonly program: string;
}

/** A request as received. */
export interface Asked {
  readonly method: string;
  readonly header: (name: string) => string | undefined;
  /** The parsed body; undefined for a request without one. */
  readonly body: unknown;
  /** Aborted when the client leaves. */
  readonly signal: AbortSignal;
  /** The same as a Request of the Fetch API. */
  readonly toRequest: () => Request;
}

export interface Served {
  /** Absent: `text` is the whole answer, as JSON. */
  readonly response?: Response;
  /** The body, if it is available as a whole. */
  readonly text?: string;
  /** Call once when the answer is out. */
  readonly done: () => void;
}

export interface McpRouterParts extends Omit<McpParts, 'lists' | 'bus'> {
  readonly bus: Pick<Bus, 'request' | 'answer'>;
  readonly log: Logger;
  readonly sessions: SessionLimits;
  readonly keepAliveMs: number;
  readonly maxSubscriptions: number;
  readonly now?: () => number;
}

const UNKNOWN_SESSION = { jsonrpc: '2.0', id: null, error: { code: -32001, message: 'Session not found' } };

export class McpRouter {
  readonly #sessions: Sessions;
  readonly #calls = new OpenCalls();
  readonly #headerSchemas: HeaderSchemas;
  readonly #modern: McpHttpHandler;
  readonly #loose: ReturnType<typeof legacyStatelessFallback>;
  /** The viewer for whom a request is served. */
  readonly #viewers = new WeakMap<Request, McpViewer>();
  readonly #parts: McpParts;
  readonly #watch: ListWatch;
  readonly #handover: Handover;

  constructor(parts: McpRouterParts) {
    const { log, keepAliveMs, maxSubscriptions } = parts;
    this.#sessions = new Sessions(parts.sessions, keepAliveMs, parts.now);
    this.#handover = new Handover(parts.bus, this.#sessions.replica, (request, body, principal) =>
      this.#serveSession(request, body, userOf(principal)),
    );
    const lists = new ToolLists(parts.bus);
    this.#parts = { ...parts, lists };
    this.#headerSchemas = new HeaderSchemas((principal) => lists.wantHeaders(principal), parts.now);
    const onerror = (error: Error): void => log.debug({ err: error }, 'an MCP request was refused');
    const factory: McpServerFactory = ({ requestInfo }) => {
      const viewer = requestInfo && this.#viewers.get(requestInfo);
      if (!viewer) throw new Error('an MCP request came from nowhere');
      return createMcpServer(this.#parts, viewer);
    };
    this.#watch = new ListWatch(parts);
    const { events: bus } = this.#watch;
    this.#modern = createMcpHandler(factory, { legacy: 'reject', bus, onerror, keepAliveMs, maxSubscriptions });
    this.#loose = legacyStatelessFallback(factory, onerror);
  }

  get sessions(): number {
    return this.#sessions.size;
  }

  async serve(asked: Asked, caller: Caller): Promise<Served> {
    const { body } = asked;
    const inbound = inboundOf(asked);
    if (inbound.kind === 'legacy') return this.#serveLegacy(asked.toRequest(), body, caller);
    const { principal } = caller;
    const called = calledTool(body);
    const headerSchema = called === undefined ? undefined : await this.#headerSchemas.find(principal, called);
    const plain = headerSchema === undefined ? plainCall(inbound, asked.header) : undefined;
    if (plain) return this.#servePlain(plain, asked, principal);
    let list: string | undefined;
    const answer = () => this.#serveModern(asked, { principal, headerSchema, takeList: (taken) => (list = taken) });
    const response = await (listens(body) ? this.#watch.as(principal, answer) : answer());
    // The cached list is spliced into the answer, neither validated nor serialised.
    return list === undefined ? alone(response) : { ...alone(response), text: withList(await response.text(), list) };
  }

  /** A user's tools may have changed; the user is not always known. */
  toolsChanged(who?: { tenantId: string; userId: string }): void {
    this.#watch.changed(who);
  }

  /** Ends idle streams, so that their clients reconnect elsewhere. */
  drain(): void {
    this.#sessions.drain();
  }

  async close(): Promise<void> {
    this.#watch.close();
    await this.#handover.stop();
    await Promise.all([this.#modern.close(), this.#sessions.close()]);
  }

  #serveModern(asked: Asked, viewer: McpViewer): Promise<Response> {
    const request = asked.toRequest();
    this.#viewers.set(request, viewer);
    return this.#modern.fetch(request, { parsedBody: asked.body });
  }

  async #servePlain(plain: PlainCall, asked: Asked, principal: Principal): Promise<Served> {
    const { bus, callTimeoutMs: timeoutMs } = this.#parts;
    const called = bus.request(callTool, { principal, ...plain.ask }, { signal: asked.signal, timeoutMs });
    const text = await called.then(
      (result) => plainAnswer(plain, result),
      () => undefined,
    );
    return text === undefined ? alone(await this.#serveModern(asked, { principal, called })) : { text, done: nothing };
  }

  async #serveLegacy(request: Request, body: unknown, caller: Caller): Promise<Served> {
    const user = userOf(caller.principal);
    const id = request.headers.get('mcp-session-id');
    if (id !== null) {
      const replica = replicaOf(id);
      const elsewhere = replica !== undefined && replica !== this.#sessions.replica;
      const handed = elsewhere ? await this.#handover.hand(replica, request, body, caller.principal) : undefined;
      return handed ? alone(handed) : this.#serveSession(request, body, user);
    }
    if (isInitializeRequest(body)) return this.#begin(request, body, caller, user);
    return this.#serveLoose(request, body, caller, user); // without a session
  }

  /** Serves a request in the session that it names, if that is here. */
  async #serveSession(request: Request, body: unknown, user: string): Promise<SessionAnswer> {
    const session = this.#sessions.find(request.headers.get('mcp-session-id') ?? '', user);
    if (!session) return alone(Response.json(UNKNOWN_SESSION, { status: 404 }));
    return inUse(session, request, body);
  }

  async #begin(request: Request, body: unknown, { principal }: Caller, user: string): Promise<Served> {
    await this.#handover.open();
    const router = createMcpServer(this.#parts, { principal, session: true });
    const session = await this.#sessions.open(user, router);
    const { server } = router;
    // The session's stream notifies the client when its own tools change.
    const unwatch = this.#watch.watch(principal, () => void server.sendToolListChanged().catch(() => undefined));
    const { onclose } = server;
    server.onclose = () => {
      unwatch();
      onclose?.();
    };
    const answer = await inUse(session, request, body).catch((error: unknown) => {
      this.#sessions.drop(session.id);
      throw error;
    });
    if (!answer.response.ok) this.#sessions.drop(session.id);
    return answer;
  }

  async #serveLoose(request: Request, body: unknown, caller: Caller, user: string): Promise<Served> {
    const client: LooseClient = { user, address: caller.address, program: caller.program };
    const cancelled = cancelledId(body);
    if (cancelled !== undefined) this.#calls.cancel(client, cancelled);
    this.#viewers.set(request, { principal: caller.principal, openCall: (id) => this.#calls.begin(client, id) });
    return alone(await this.#loose(request, body === undefined ? {} : { parsedBody: body }));
  }
}

const nothing = (): void => undefined;

/** Keeps a session in use until its answer is out. */
async function inUse(session: Session, request: Request, body: unknown): Promise<SessionAnswer> {
  const done = session.use();
  try {
    return { response: await session.transport.handleRequest(request, { parsedBody: body }), done };
  } catch (error) {
    done();
    throw error;
  }
}

function alone(response: Response): SessionAnswer {
  return { response, done: nothing };
}

/** The protocol of the request, as the SDK classifies it. */
function inboundOf({ method, header, body }: Asked): ReturnType<typeof classifyInboundRequest> {
  const [version, mcpMethod, name] = ['mcp-protocol-version', 'mcp-method', 'mcp-name'].map(header);
  return classifyInboundRequest({
    httpMethod: method,
    ...(version === undefined ? {} : { protocolVersionHeader: version }),
    ...(mcpMethod === undefined ? {} : { mcpMethodHeader: mcpMethod }),
    ...(name === undefined ? {} : { mcpNameHeader: name }),
    ...(body === undefined ? {} : { body }),
  });
}

function userOf({ tenantId, userId, role }: Principal): string {
  return JSON.stringify([tenantId, userId, role]);
}

function calledTool(body: unknown): string | undefined {
  const { method, params } = (body ?? {}) as { method?: unknown; params?: { name?: unknown } };
  return method === 'tools/call' && typeof params?.name === 'string' ? params.name : undefined;
}

function listens(body: unknown): boolean {
  return (body as { method?: unknown } | null | undefined)?.method === 'subscriptions/listen';
}

function cancelledId(body: unknown): string | number | undefined {
  const { method, params } = (body ?? {}) as { method?: unknown; params?: { requestId?: unknown } };
  const id = method === 'notifications/cancelled' ? params?.requestId : undefined;
  return typeof id === 'string' || typeof id === 'number' ? id : undefined;
}
