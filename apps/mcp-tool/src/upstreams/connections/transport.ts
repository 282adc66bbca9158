import { StreamableHTTPClientTransport, type PriorDiscovery, type Transport } from '@modelcontextprotocol/client';
import { AppError } from '@switchyard/contracts';
import type { Logger } from '@switchyard/platform';
import type { SafeFetch } from '@switchyard/safe-fetch';
import { Challenged, challengeOf } from '../../oauth/index.ts';
import type { StderrTail } from './stderr-tail.ts';
import type { Abilities } from './sandbox.ts';
import { asking } from './ask.ts';
import { headersOf, type ReadVariable, type UpstreamConfig } from './config.ts';
import { ProcessTransport } from './process.ts';

/* The transport to an upstream: a process, or HTTP through safe-fetch with the upstream's own token. */

export interface LinkParts {
  readonly fetch: SafeFetch;
  readonly read: ReadVariable;
  readonly log: Logger;
  /** The token of this link's user; absent: none is sent. */
  readonly token?: () => Promise<string>;
  /** Keeps the last lines of a process's standard error. */
  readonly said?: StderrTail | undefined;
  readonly prior?: PriorDiscovery | undefined;
  /** The isolation that this machine offers; absent: it is probed. */
  readonly abilities?: (() => Promise<Abilities>) | undefined;
  /** Called when the upstream says that its lists changed. */
  readonly onListChanged?: (() => void) | undefined;
}

/** The longest silence of a notification stream. */
const MAX_SILENCE_MS = 600_000;

export function transportOf(upstream: UpstreamConfig, parts: LinkParts): Transport {
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
    redirectPolicy: 'follow', // For the SDK alone: safe-fetch follows none.
    fetch: async (input, init) => {
      const headers = new Headers(init?.headers);
      const sent = await token?.();
      if (sent !== undefined) headers.set('authorization', `Bearer ${sent}`);
      const listens =
        (init?.method ?? 'GET').toUpperCase() === 'GET' || headers.get('mcp-method') === 'subscriptions/listen';
      const waits = listens || asking.getStore()?.onQuestion !== undefined;
      const timeoutMs = waits ? MAX_SILENCE_MS : upstream.max_timeout_ms + 5_000;
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
