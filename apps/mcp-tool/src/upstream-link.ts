import { AsyncLocalStorage } from 'node:async_hooks';
import {
  Client,
  type CallToolRequest,
  type CallToolResult,
  type InputRequiredResult,
  type JsonSchemaValidatorResult,
  type PriorDiscovery,
  type ProgressCallback,
  type RequestOptions,
  StreamableHTTPClientTransport,
  type Tool as McpTool,
  type Transport,
} from '@modelcontextprotocol/client';
import { AppError, type McpLogLevel, type McpMethod } from '@switchyard/contracts';
import { backoffMs, type Logger, sleep } from '@switchyard/platform';
import type { SafeFetch } from '@switchyard/safe-fetch';
import { Challenged, challengeOf } from './oauth-rules.ts';
import { headersOf, type ReadVariable, type UpstreamConfig } from './upstream-config.ts';
import { faultOf } from './upstream-faults.ts';
import { ProcessTransport } from './upstream-process.ts';

/*
 * One connection to an upstream, for one user or for all.
 *
 * L1 Over HTTP only through safe-fetch, with limits of time and size; no redirect is followed.
 * L2 Its token is the upstream's own, of this user or of the service. The token of whoever called us is nowhere here.
 *    Where it says itself who issues its tokens, a refusal is told with what it wants.
 * L3 Schemas of strangers are not compiled by the SDK: the registry does that, with bounds.
 * L4 Both eras; which one it was is remembered for a while, so that connecting again costs no question.
 * L5 Whoever wants to know of changed lists is told for as long as the link lives: where the stream on which an upstream
 *    of today tells them ends, another one is opened, with growing pauses, and the list counts as changed.
 */

export interface LinkParts {
  readonly fetch: SafeFetch;
  readonly read: ReadVariable;
  readonly log: Logger;
  /** The token of this link's user; absent: none is sent. */
  readonly token?: () => Promise<string>;
  readonly prior?: PriorDiscovery | undefined;
  /** The upstream says that its lists changed. */
  readonly onListChanged?: (() => void) | undefined;
}

export interface Ask {
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number | undefined;
  readonly maxTimeoutMs?: number | undefined;
  readonly onProgress?: ProgressCallback | undefined;
  /** Log messages of the upstream that belong to this request. */
  readonly onLog?: ((message: LogMessage) => void) | undefined;
}

export interface LogMessage {
  readonly level: McpLogLevel;
  readonly logger?: string | undefined;
  readonly data: unknown;
}

const CLIENT = { name: 'switchyard', version: '0.1.0' };
/** Whose request the work at hand is for: what comes on the stream of a request belongs to it. */
const asking = new AsyncLocalStorage<Ask>();
/** Somebody wanted to hear log messages. Before, nobody is told: a store would make each promise of the process dearer. */
let heard = false;
/** L3: it takes everything. */
const UNCHECKED = {
  getValidator:
    <T>() =>
    (input: unknown): JsonSchemaValidatorResult<T> => ({ valid: true, data: input as T, errorMessage: undefined }),
};
/** What an upstream that has such a list says that it has. */
const LISTS: Partial<Record<McpMethod, 'resources' | 'prompts'>> = {
  'resources/list': 'resources',
  'resources/templates/list': 'resources',
  'prompts/list': 'prompts',
};
/** A stream on which an upstream tells changes may be silent for so long. */
const MAX_SILENCE_MS = 600_000;
const LISTEN_AGAIN = { baseMs: 1_000, maxMs: 60_000 };
const FAREWELL_MS = 1_000;
const LOGGING_LIMIT_MS = 2_000;

export class Link {
  #users = 0;
  #retired = false;
  #lost = false;
  #onLost: (() => void) | undefined;
  readonly #asks = new Set<Ask>();
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
      capabilities: {},
      versionNegotiation: { mode: upstream.protocol === 'modern' ? { pin: '2026-07-28' } : upstream.protocol },
      inputRequired: { autoFulfill: false },
      jsonSchemaValidator: UNCHECKED,
    });
    // What happens beside a request is the log's alone.
    client.onerror = (error) => parts.log.debug({ err: error, upstream: upstream.name }, 'a link to an upstream');
    const options = { timeout: upstream.connect_timeout_ms, ...(signal ? { signal } : {}) };
    const link = new Link(upstream, client, transportOf(upstream, parts), parts.prior?.kind === 'modern');
    client.setNotificationHandler('notifications/message', ({ params }) => link.#tellLog(params));
    const how = parts.prior ? { ...options, prior: parts.prior } : options;
    // The connection outlives the request that needed it first.
    await asking.exit(() => client.connect(link.#transport, how));
    if (onListChanged && link.capabilities?.tools?.listChanged) {
      client.setNotificationHandler('notifications/tools/list_changed', () => onListChanged());
      if (link.era === 'modern') void asking.exit(() => link.#listen(onListChanged, parts.log));
    }
    return link;
  }

  /** L4: what to connect with next time. */
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

  get pid(): number | null {
    return this.#transport instanceof ProcessTransport ? this.#transport.pid : null;
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
    return this.#asked(ask, async () => {
      return (await this.#client.listTools(undefined, { ...options(ask), cacheMode: 'refresh' })).tools;
    });
  }

  /** `definition`: what the registry knows of the tool; some of its arguments travel as headers too. */
  callTool(
    params: CallToolRequest['params'],
    definition: McpTool,
    ask: Ask,
  ): Promise<CallToolResult | InputRequiredResult> {
    const { outputSchema: _ours, ...toolDefinition } = definition; // L3
    return this.#asked(ask, () =>
      this.#client.callTool(params, { ...options(ask), allowInputRequired: true, toolDefinition }),
    );
  }

  /** One of the other requests of MCP. What comes back is the upstream's answer as it is. */
  request(method: McpMethod, params: Record<string, unknown>, ask: Ask): Promise<Record<string, unknown>> {
    const client = this.#client;
    const has = LISTS[method];
    if (has !== undefined && !this.capabilities?.[has]) return Promise.resolve({});
    const how = { ...options(ask), allowInputRequired: true };
    const fresh = { ...how, cacheMode: 'refresh' as const };
    const answer = (): Promise<object> => {
      switch (method) {
        case 'resources/list':
          return client.listResources(undefined, fresh);
        case 'resources/templates/list':
          return client.listResourceTemplates(undefined, fresh);
        case 'prompts/list':
          return client.listPrompts(undefined, fresh);
        case 'resources/read':
          return client.readResource(params as Parameters<Client['readResource']>[0], fresh);
        case 'prompts/get':
          return client.getPrompt(params as Parameters<Client['getPrompt']>[0], how);
        case 'completion/complete':
          return client.complete(params as Parameters<Client['complete']>[0], options(ask));
      }
    };
    return this.#asked(ask, () => answer() as Promise<Record<string, unknown>>);
  }

  async #asked<T>(ask: Ask, work: () => Promise<T>): Promise<T> {
    // An older server says nothing until it is asked to, once for the connection; each caller gets what it wants.
    if (ask.onLog && this.era === 'legacy' && this.capabilities?.logging)
      await (this.#logging ??= this.#client
        .setLoggingLevel('debug', { timeout: LOGGING_LIMIT_MS })
        .catch(() => undefined));
    this.#asks.add(ask);
    heard ||= ask.onLog !== undefined;
    try {
      return await (heard ? asking.run(ask, work) : work());
    } finally {
      this.#asks.delete(ask);
    }
  }

  /** L5 */
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

  async #close(): Promise<void> {
    this.#over.abort();
    const transport = this.#transport;
    if (transport instanceof StreamableHTTPClientTransport && transport.sessionId !== undefined && !this.#lost)
      await Promise.race([transport.terminateSession(), sleep(FAREWELL_MS)]).catch(() => undefined);
    await this.#client.close().catch(() => undefined);
  }
}

function options({ signal, timeoutMs, maxTimeoutMs, onProgress }: Ask): RequestOptions {
  return {
    ...(signal ? { signal } : {}),
    ...(timeoutMs === undefined ? {} : { timeout: timeoutMs }),
    ...(maxTimeoutMs === undefined ? {} : { maxTotalTimeout: maxTimeoutMs }),
    // Asking for progress at all is what keeps a long call alive.
    resetTimeoutOnProgress: true,
    onprogress: onProgress ?? (() => undefined),
  };
}

function transportOf(upstream: UpstreamConfig, parts: LinkParts): Transport {
  if (upstream.command !== undefined) return new ProcessTransport(upstream, parts);
  const filled = headersOf(upstream, parts.read);
  if ('missing' in filled)
    throw new AppError(
      'credentials_missing',
      `${upstream.name} is not set up: ${filled.missing.join(', ')} is not set.`,
    );
  const { fetch, token } = parts;
  return new StreamableHTTPClientTransport(new URL(upstream.url!), {
    requestInit: { headers: filled.headers },
    redirectPolicy: 'follow', // L1: which safe-fetch does not.
    fetch: async (input, init) => {
      const headers = new Headers(init?.headers);
      const sent = await token?.();
      if (sent !== undefined) headers.set('authorization', `Bearer ${sent}`); // L2
      const listens =
        (init?.method ?? 'GET').toUpperCase() === 'GET' || headers.get('mcp-method') === 'subscriptions/listen';
      const timeoutMs = listens ? MAX_SILENCE_MS : upstream.max_timeout_ms + 5_000;
      const response = await fetch(input, { ...init, headers, timeoutMs, maxResponseBytes: upstream.max_result_bytes });
      const challenge = upstream.oauth && challengeOf(response);
      if (!challenge) return response;
      await response.body?.cancel();
      throw new Challenged(upstream.name, challenge, sent);
    },
    reconnectionOptions: {
      initialReconnectionDelay: 1_000,
      maxReconnectionDelay: 30_000,
      reconnectionDelayGrowFactor: 2,
      maxRetries: 3,
    },
  });
}
