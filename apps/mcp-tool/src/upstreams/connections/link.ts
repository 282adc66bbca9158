import {
  Client,
  type CallToolRequest,
  type CallToolResult,
  type InputRequiredResult,
  type JsonSchemaValidatorResult,
  type PriorDiscovery,
  ProtocolError,
  StreamableHTTPClientTransport,
  type Tool as McpTool,
  type Transport,
} from '@modelcontextprotocol/client';
import type { McpMethod, UpstreamConfinement } from '@switchyard/contracts';
import { backoffMs, type Logger, sleep, withoutTrace } from '@switchyard/platform';
import { type Ask, asking, type LogMessage, options } from './ask.ts';
import type { UpstreamConfig } from './config.ts';
import { faultOf } from './faults.ts';
import { LISTS, requestOf } from './methods.ts';
import { withCallTimeout } from './call-timeout.ts';
import { ProcessTransport } from './process.ts';
import { type LinkParts, transportOf } from './transport.ts';

/*
 * One MCP connection to an upstream, for one user or shared by all users.
 *
 * - The link sends HTTP requests only through safe-fetch, with limits of time and size. It follows no redirect.
 * - The link sends only a token for this upstream: the user's, or the service's own. The token with which the caller
 *   reached us never gets here.
 * - If the upstream names its own token issuer, the error of a refusal holds the upstream's challenge.
 * - The SDK does not compile untrusted schemas. The registry compiles them, within limits.
 * - The link speaks both eras of the protocol. The link cache remembers the era for a while, so that the next
 *   connection need not negotiate it.
 * - While the link lives, it calls `onListChanged` when the tools change. If the notification stream of a modern
 *   upstream ends, the link opens another one, with growing pauses, and treats the list as changed.
 * - The link routes a question of an upstream of the older protocol to the caller of the request that it belongs to. If
 *   all requests share one pipe, the question belongs to the only request under way. Once a caller has abandoned a
 *   request on such a pipe, the link refuses questions, because they could belong to that request.
 * - A connection with an abandoned request is spent as soon as no call uses it. A new connection replaces it
 *   (links.ts).
 */

const CLIENT = { name: 'switchyard', version: '0.1.0' };
/**
 * Set once a caller subscribes to log messages or elicitation. Until then no AsyncLocalStorage is used, because it
 * slows down every promise in the process.
 */
let heard = false;
/** Accepts every value: the registry checks results, within limits. */
const UNCHECKED = {
  getValidator:
    <T>() =>
    (input: unknown): JsonSchemaValidatorResult<T> => ({ valid: true, data: input as T, errorMessage: undefined }),
};
const LISTEN_AGAIN = { baseMs: 1_000, maxMs: 60_000 };
/** The protocol's code for a refusal by the user. None of the codes that mean that nothing was done. */
const REFUSED_QUESTION = -1;
const FAREWELL_MS = 1_000;
const LOGGING_LIMIT_MS = 2_000;

export class Link {
  #users = 0;
  #retired = false;
  #lost = false;
  #onLost: (() => void) | undefined;
  readonly #asks = new Set<Ask>();
  #gaveUp = false;
  readonly #over = new AbortController();
  #logging: Promise<unknown> | undefined;
  readonly #client: Client;
  readonly #transport: Transport;

  private constructor(
    readonly upstream: UpstreamConfig,
    client: Client,
    transport: Transport,
    /** True if the connection was opened without negotiation, from a remembered verdict. */
    readonly adopted: boolean,
  ) {
    this.#client = client;
    this.#transport = transport;
    client.onclose = () => {
      this.#lost = true;
      this.#over.abort();
      if (!this.#retired) this.#onLost?.();
    };
  }

  /** Calls `told` once if the link ends without having been retired. */
  onLost(told: () => void): void {
    this.#onLost = told;
    if (this.#lost && !this.#retired) told();
  }

  static async connect(upstream: UpstreamConfig, parts: LinkParts, signal?: AbortSignal): Promise<Link> {
    const { onListChanged } = parts;
    const client = new Client(CLIENT, {
      // Roots are not offered: a server that gets them uses them instead of its own settings.
      capabilities: upstream.questions ? { elicitation: { form: { applyDefaults: true }, url: {} }, sampling: {} } : {},
      versionNegotiation: { mode: upstream.protocol === 'modern' ? { pin: '2026-07-28' } : upstream.protocol },
      inputRequired: { autoFulfill: false },
      jsonSchemaValidator: UNCHECKED,
    });
    // Errors outside of a request only go to the log.
    client.onerror = (error) => parts.log.debug({ err: error, upstream: upstream.name }, 'a link to an upstream');
    const options = { timeout: upstream.connect_timeout_ms, ...(signal ? { signal } : {}) };
    const link = new Link(upstream, client, transportOf(upstream, parts), parts.prior?.kind === 'modern');
    client.setNotificationHandler('notifications/message', ({ params }) => link.#tellLog(params));
    if (upstream.questions)
      for (const method of ['elicitation/create', 'sampling/createMessage'] as const)
        client.setRequestHandler(method, (asked) => link.#question(method, asked.params) as never);
    const how = parts.prior ? { ...options, prior: parts.prior } : options;
    // The connection outlives the request that first needed it.
    await withoutTrace(() => asking.exit(() => client.connect(link.#transport, how)));
    if (onListChanged && link.capabilities?.tools?.listChanged) {
      client.setNotificationHandler('notifications/tools/list_changed', () => onListChanged());
      if (link.era === 'modern') void withoutTrace(() => asking.exit(() => link.#listen(onListChanged, parts.log)));
    }
    return link;
  }

  /** The era of the upstream, so that the next connection need not negotiate it. */
  get verdict(): PriorDiscovery | undefined {
    const discover = this.#client.getDiscoverResult();
    if (discover) return { kind: 'modern', discover };
    return this.#client.getProtocolEra() === 'legacy' ? { kind: 'legacy' } : undefined;
  }

  get era(): 'modern' | 'legacy' | undefined {
    return this.#client.getProtocolEra();
  }

  get capabilities(): ReturnType<Client['getServerCapabilities']> {
    return this.#client.getServerCapabilities();
  }

  /** False if the link can no longer be used. */
  get alive(): boolean {
    return !this.#lost && !this.#retired;
  }

  /** True if no call uses the link and its next caller could not be asked anything. */
  get isSpent(): boolean {
    return this.#gaveUp && this.#users === 0 && this.upstream.questions && this.era === 'legacy';
  }

  get pid(): number | null {
    return this.#transport instanceof ProcessTransport ? this.#transport.pid : null;
  }

  /** The isolation of its process; undefined for an upstream over HTTP. */
  get confinement(): UpstreamConfinement | undefined {
    return this.#transport instanceof ProcessTransport ? this.#transport.confinement : undefined;
  }

  /** Runs `work` on the link: a retired link closes when its last user is done. */
  async use<T>(work: (link: Link) => Promise<T>): Promise<T> {
    this.#users += 1;
    try {
      return await work(this);
    } finally {
      this.#users -= 1;
      if (this.#retired && this.#users === 0) await this.#close();
    }
  }

  /** Accepts no more work. Resolves when the link is closed, or at once if others still use it. */
  async retire(): Promise<void> {
    if (this.#retired) return;
    this.#retired = true;
    if (this.#users === 0) await this.#close();
  }

  /** All tools, exactly as the upstream lists them. */
  async listTools(ask: Ask): Promise<McpTool[]> {
    if (!this.capabilities?.tools) return [];
    return this.#asked({ ...ask, isList: true }, async () => {
      return (await this.#client.listTools(undefined, { ...options(ask), cacheMode: 'refresh' })).tools;
    });
  }

  /** `definition`: the registry's definition of the tool; some of its arguments travel as headers too. */
  callTool(
    params: CallToolRequest['params'],
    definition: McpTool,
    ask: Ask,
  ): Promise<CallToolResult | InputRequiredResult> {
    const { outputSchema: _ours, ...toolDefinition } = definition; // The SDK would compile it.
    const call = (how: Ask) =>
      this.#asked(how, () =>
        this.#client.callTool(params, { ...options(how), allowInputRequired: true, toolDefinition }),
      );
    return this.era === 'legacy' && ask.onQuestion
      ? withCallTimeout(this.upstream, ask, ask.onQuestion, call)
      : call(ask);
  }

  /** Sends any other MCP request; returns the upstream's answer unchanged. */
  request(method: McpMethod, params: Record<string, unknown>, ask: Ask): Promise<Record<string, unknown>> {
    const has = LISTS[method];
    if (has !== undefined && !this.capabilities?.[has]) return Promise.resolve({});
    const request = () => requestOf(this.#client, method, params, ask);
    return this.#asked({ ...ask, isList: has !== undefined }, request);
  }

  async #asked<T>(ask: Ask, work: () => Promise<T>): Promise<T> {
    // An older server sends logs only after a request to do so, once per connection; each caller gets the level it
    // wants.
    if (ask.onLog && this.era === 'legacy' && this.capabilities?.logging)
      await (this.#logging ??= this.#client
        .setLoggingLevel('debug', { timeout: LOGGING_LIMIT_MS })
        .catch(() => undefined));
    this.#asks.add(ask);
    heard ||= ask.onLog !== undefined || (ask.onQuestion !== undefined && this.era === 'legacy');
    try {
      return await (heard ? asking.run(ask, work) : work());
    } catch (error) {
      throw (this.#transport instanceof ProcessTransport && this.#transport.fault) || error;
    } finally {
      this.#asks.delete(ask);
      if (ask.signal?.aborted && !ask.isList) this.#gaveUp = true;
    }
  }

  /** Keeps a notification stream for changes open. Ends with the link, or if the upstream refuses the stream. */
  async #listen(onListChanged: () => void, log: Logger): Promise<void> {
    const { signal } = this.#over;
    for (let attempt = 0; this.alive; attempt += 1) {
      const since = performance.now();
      try {
        const timeout = this.upstream.connect_timeout_ms;
        const { closed } = await this.#client.listen({ toolsListChanged: true }, { timeout, signal });
        if (attempt > 0) onListChanged();
        await closed;
      } catch (error) {
        if (signal.aborted) return;
        log.debug({ err: error, upstream: this.upstream.name }, 'an upstream does not send list changes now');
        if (faultOf(error) === 'refused') return;
      }
      if (performance.now() - since > LISTEN_AGAIN.maxMs) attempt = 0;
      await sleep(LISTEN_AGAIN.baseMs + backoffMs(attempt, LISTEN_AGAIN), signal).catch(() => undefined);
    }
  }

  /** On a connection with one pipe for all, a message belongs to the only request under way, or to none. */
  #tellLog(message: LogMessage): void {
    const only = this.#asks.size === 1 ? [...this.#asks][0] : undefined;
    (asking.getStore() ?? only)?.onLog?.(message);
  }

  /**
   * Asks the caller of the request that the question belongs to. Refuses if that request is unknown or its caller
   * cannot answer.
   */
  async #question(method: string, params: unknown): Promise<Record<string, unknown>> {
    const underWay = [...this.#asks].filter(({ isList }) => isList !== true);
    const only = underWay.length === 1 && !this.#gaveUp ? underWay[0] : undefined;
    const ask = asking.getStore() ?? only;
    const refused = (): ProtocolError => new ProtocolError(REFUSED_QUESTION, 'Nobody can answer this.');
    if (!ask?.onQuestion) throw refused();
    try {
      return await ask.onQuestion({ method, params: (params ?? {}) as Record<string, unknown> });
    } catch {
      throw refused();
    }
  }

  async #close(): Promise<void> {
    this.#over.abort();
    const transport = this.#transport;
    if (transport instanceof StreamableHTTPClientTransport && transport.sessionId !== undefined && !this.#lost)
      await Promise.race([transport.terminateSession(), sleep(FAREWELL_MS)]).catch(() => undefined);
    await this.#client.close().catch(() => undefined);
  }
}
