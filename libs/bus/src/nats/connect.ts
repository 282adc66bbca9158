import { backoffMs, type Logger, sleep, type TlsFiles, tlsOptions, tlsRefusal } from '@switchyard/platform';
import { connect, type NatsConnection, NatsError } from 'nats';
import { logEvent } from '../log-events.ts';
import { parseUrl } from './server-url.ts';

/*
 * Connects to nats-server.
 *
 * - The connection never gives up, neither at the start nor later. Reconnects of many clients are spread over time.
 * - The client detects a dead link within six seconds (two missed pings), even a link that swallows packets.
 * - Each new connection reads the certificate files again; an open connection keeps its certificate.
 */

const PING_MS = 2_000;
/** Log one line per this many failed attempts to connect. */
const LOG_EVERY = 20;

export interface Opening {
  readonly url: string;
  readonly app: string;
  readonly log: Logger;
  /** Set: no connection without TLS, and each new one reads the files again. */
  readonly tls?: TlsFiles | undefined;
  /** Ends the attempts to connect, which are otherwise repeated for ever. */
  readonly signal?: AbortSignal | undefined;
}

export interface Opened {
  readonly connection: NatsConnection;
  /** The URL without its login. */
  readonly url: string;
}

/** Tries until a server takes the connection. Rejects with the reason of the signal only. */
export async function openConnection({ url, app, log, tls: files, signal }: Opening): Promise<Opened> {
  const { server, user, pass, token, tls: asked } = parseUrl(url);
  const tls = files
    ? tlsOptions(files, (why) => logEvent(log, 'tls_files_unusable', { server: 'NATS', why }))
    : asked && {};
  const masked = server.map((one) => `nats://${one}`).join(',');
  for (let failures = 1; ; failures += 1) {
    try {
      const connecting = connect({
        servers: server,
        name: app,
        ...(user === undefined ? {} : { user, pass }),
        ...(token === undefined ? {} : { token }),
        ...(tls ? { tls } : {}),
        inboxPrefix: `_INBOX.${app}`,
        maxReconnectAttempts: -1,
        // Without it two refused logins in a row, for example during a change of passwords, end the connection for
        // ever.
        ignoreAuthErrorAbort: true,
        reconnectTimeWait: 250,
        reconnectJitter: 500,
        pingInterval: PING_MS,
        maxPingOut: 2,
        timeout: 5_000,
      });
      return { connection: await unlessAborted(connecting, signal), url: masked };
    } catch (error) {
      const code = error instanceof NatsError ? error.code : undefined;
      if (failures % LOG_EVERY === 1) {
        const why = tlsRefusal(error);
        logEvent(log, 'bus_unreachable', { url: masked, code, failures, ...(why ? { why } : {}) });
      }
      if (!signal?.aborted)
        await sleep(100 + backoffMs(failures, { baseMs: 100, maxMs: 1_000 }), signal).catch(() => undefined);
      signal?.throwIfAborted();
    }
  }
}

/** Rejects with the signal's reason if that comes first; a connection that is made nevertheless is closed. */
function unlessAborted(connecting: Promise<NatsConnection>, signal?: AbortSignal): Promise<NatsConnection> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      reject(signal?.reason as Error);
      connecting.then(
        (late) => late.close(),
        () => undefined,
      );
    };
    if (signal?.aborted) return onAbort();
    signal?.addEventListener('abort', onAbort, { once: true });
    void connecting.then(resolve, reject).finally(() => signal?.removeEventListener('abort', onAbort));
  });
}
