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
import { patiently } from './call-timeout.ts';
import { ProcessTransport } from './process.ts';
import { type LinkParts, transportOf } from './transport.ts';

/*
 * One connection to an upstream, for one user or for all.
 *
 * - HTTP requests go through safe-fetch alone, with limits of time and size. No redirect is followed.
 * - The link sends only the upstream's own token, that of this user or that of the service. The token with which the
 *   caller reached us never comes here.
 * - Where the upstream itself says who issues its tokens, the error of a refusal holds what the upstream wants.
 * - The SDK does not compile the schemas of strangers. The registry does, with bounds.
 * - The link speaks both eras of the protocol. The era is remembered for a while, so that the next connection need not
 *   ask for it.
 * - As long as the link lives, `onListChanged` is called when the tools change. Where the stream on which an upstream of
 *   the modern era tells changes ends, the link opens another one, with growing pauses, and the list counts as changed.
 * - A question of an upstream of the older protocol goes to the caller whose request it belongs to. Where all requests
 *   share one pipe, it belongs to the only request under way. Once a caller gave up a request there, it goes to nobody,
 *   because it could be a late question of that request.
 * - A connection on which a caller gave up a request is spent as soon as nobody uses it. Another connection takes its
 *   place (links.ts).
 */

const CLIENT = { name: 'switchyard', version: '0.1.0' };
/**
 * True once a caller wanted to hear log messages or could be asked something. Until then no request is put into the
 * store, which would make each promise of the process dearer.
 */
let heard = false;
/** Takes every value: the registry checks results, with bounds. */
const UNCHECKED = {
  getValidator:
    <T>() =>
    (input: unknown): JsonSchemaValidatorResult<T> => ({ valid: true, data: input as T, errorMessage: undefined }),
};
const LISTEN_AGAIN = { baseMs: 1_000, maxMs: 60_000 };
/** As the protocol has it where a user says no. Not one of the codes that say that nothing was done. */
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
    /** Nothing was asked for this connection; what was known was taken for true. */
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

  /** Told once where it ends without having been retired. */
  onLost(told: () => void): void {
    this.#onLost = told;
    if (this.#lost && !this.#retired) told();
  }

  static async connect(upstream: UpstreamConfig, parts: LinkParts, signal?: AbortSignal): Promise<Link> {
    const { onListChanged } = parts;
    const client = new Client(CLIENT, {
      // Roots are not offered: a server that gets them takes them in the place of its own settings.
      capabilities: upstream.questions ? { elicitation: { form: { applyDefaults: true }, url: {} }, sampling: {} } : {},
      versionNegotiation: { mode: upstream.protocol === 'modern' ? { pin: '2026-07-28' } : upstream.protocol },
      inputRequired: { autoFulfill: false },
      jsonSchemaValidator: UNCHECKED,
    });
    // What happens beside a request is the log's alone.
    client.onerror = (error) => parts.log.debug({ err: error, upstream: upstream.name }, 'a link to an upstream');
    const options = { timeout: upstream.connect_timeout_ms, ...(signal ? { signal } : {}) };
    const link = new Link(upstream, client, transportOf(upstream, parts), parts.prior?.kind === 'modern');
    client.setNotificationHandler('notifications/message', ({ params }) => link.#tellLog(params));
    if (upstream.questions)
      for (const method of ['elicitation/create', 'sampling/createMessage'] as const)
        client.setRequestHandler(method, (asked) => link.#question(method, asked.params) as never);
    const how = parts.prior ? { ...options, prior: parts.prior } : options;
    // The connection outlives the request that needed it first.
    await withoutTrace(() => asking.exit(() => client.connect(link.#transport, how)));
    if (onListChanged && link.capabilities?.tools?.listChanged) {
      client.setNotificationHandler('notifications/tools/list_changed', () => onListChanged());
      if (link.era === 'modern') void withoutTrace(() => asking.exit(() => link.#listen(onListChanged, parts.log)));
    }
    return link;
  }

  /** What is known of the era of the upstream, so that the next connection need not ask for it. */
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

  /** False where it is of no more use. */
  get alive(): boolean {
    return !this.#lost && !this.#retired;
  }

  /** True where nobody uses the link and its next caller could not be asked anything. */
  get isSpent(): boolean {
    return this.#gaveUp && this.#users === 0 && this.upstream.questions && this.era === 'legacy';
  }

  get pid(): number | null {
    return this.#transport instanceof ProcessTransport ? this.#transport.pid : null;
  }

  /** How far its process is kept apart; undefined where it is none. */
  get confinement(): UpstreamConfinement | undefined {
    return this.#transport instanceof ProcessTransport ? this.#transport.confinement : undefined;
  }

  /** Whoever uses it says so: a link that is retired is closed when the last one is done. */
  async use<T>(work: (link: Link) => Promise<T>): Promise<T> {
    this.#users += 1;
    try {
      return await work(this);
    } finally {
      this.#users -= 1;
      if (this.#retired && this.#users === 0) await this.#close();
    }
  }

  /** No more work for it. Resolves when it is closed, or at once where others still use it. */
  async retire(): Promise<void> {
    if (this.#retired) return;
    this.#retired = true;
    if (this.#users === 0) await this.#close();
  }

  /** All tools, in the upstream's own words. */
  async listTools(ask: Ask): Promise<McpTool[]> {
    if (!this.capabilities?.tools) return [];
    return this.#asked({ ...ask, isList: true }, async () => {
      return (await this.#client.listTools(undefined, { ...options(ask), cacheMode: 'refresh' })).tools;
    });
  }

  /** `definition`: what the registry knows of the tool; some of its arguments travel as headers too. */
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
    return this.era === 'legacy' && ask.onQuestion ? patiently(this.upstream, ask, ask.onQuestion, call) : call(ask);
  }

  /** One of the other requests of MCP. What comes back is the upstream's answer as it is. */
  request(method: McpMethod, params: Record<string, unknown>, ask: Ask): Promise<Record<string, unknown>> {
    const has = LISTS[method];
    if (has !== undefined && !this.capabilities?.[has]) return Promise.resolve({});
    const request = () => requestOf(this.#client, method, params, ask);
    return this.#asked({ ...ask, isList: has !== undefined }, request);
  }

  async #asked<T>(ask: Ask, work: () => Promise<T>): Promise<T> {
    // An older server says nothing until it is asked to, once for the connection; each caller gets what it wants.
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

  /** Keeps a stream open on which the upstream tells changes. Ends with the link, or where the upstream refuses it. */
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
        log.debug({ err: error, upstream: this.upstream.name }, 'an upstream does not tell changes now');
        if (faultOf(error) === 'refused') return;
      }
      if (performance.now() - since > LISTEN_AGAIN.maxMs) attempt = 0;
      await sleep(LISTEN_AGAIN.baseMs + backoffMs(attempt, LISTEN_AGAIN), signal).catch(() => undefined);
    }
  }

  /** On a connection with one pipe for all, a message belongs to the only request under way, or to nobody. */
  #tellLog(message: LogMessage): void {
    const only = this.#asks.size === 1 ? [...this.#asks][0] : undefined;
    (asking.getStore() ?? only)?.onLog?.(message);
  }

  /** Asks the caller whose request the question belongs to. Refuses where that is not known or the caller cannot answer. */
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
