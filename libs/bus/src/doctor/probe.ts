import { setImmediate as turn } from 'node:timers/promises';
import { type AppName, APPS } from '@switchyard/contracts';
import { type TlsFiles, tlsOptions } from '@switchyard/platform';
import { connect, ErrorCode, Events, type NatsConnection, NatsError } from 'nats';
import { parseUrl } from '../nats/index.ts';
import { type Trial, trialsOf } from './permission-trials.ts';
import { lookAtJetStream, type Looked } from './probe-jetstream.ts';

/*
 * Examines nats-server with the login of one service, for the doctor. It reports facts and judges nothing.
 *
 * - The probe publishes nothing that is delivered. Every trial names a reply subject of the server's own (`_R_.…`),
 *   which the server refuses after it has checked the permission. If a server does not refuse it, the probe tries no
 *   further publish.
 * - The probe ends a subscription in the same write that requests it.
 * - The probe creates and changes nothing, and each of its requests has a limit.
 */

export interface BusSeen extends Partial<Looked> {
  /** The service of the login; undefined: that of a person, or none. */
  readonly app: AppName | undefined;
  /** Without credentials. */
  readonly server: string;
  /** Why there was no connection. */
  readonly refused?: string;
  readonly version?: string;
  readonly permissions?: {
    readonly tried: number;
    readonly missing: readonly Trial[];
    readonly excess: readonly Trial[];
    /** Publishing could not be tried: this server would deliver the message of a trial. */
    readonly untried: boolean;
  };
  /** Why streams and consumers could not be read. */
  readonly unseen?: string;
}

export interface ProbeOptions {
  readonly url: string;
  readonly tls?: TlsFiles | undefined;
  /** The app whose contracts the login must fulfil; default: the app after which the login is named. */
  readonly app?: AppName;
  /** For each question. */
  readonly limitMs: number;
}

export async function probeBus({ url, tls: files, app: asked, limitMs }: ProbeOptions): Promise<BusSeen> {
  const parsed = parsedUrl(url);
  if (!parsed) return { app: asked, server: 'what is no URL', refused: NO_URL };
  const { server: servers, user, pass, token, tls } = parsed;
  const app = asked ?? APPS.find((known) => known === user);
  const seen = { app, server: servers.map((one) => `nats://${one}`).join(',') };
  let connection: NatsConnection;
  try {
    connection = await connect({
      servers,
      name: 'switchyard-doctor',
      ...(user === undefined ? {} : { user, pass }),
      ...(token === undefined ? {} : { token }),
      ...(files ? { tls: tlsOptions(files) } : tls ? { tls: {} } : {}),
      ...(app === undefined ? {} : { inboxPrefix: `_INBOX.${app}` }),
      reconnect: false,
      timeout: limitMs,
    });
  } catch (error) {
    return { ...seen, refused: reasonOf(error) };
  }
  try {
    const { version } = connection.info ?? {};
    const permissions = await tryPermissions(connection, app);
    const streams = await lookAtJetStream(connection, app, limitMs).catch((error: unknown) => ({
      unseen: reasonOf(error),
    }));
    return { ...seen, ...(version === undefined ? {} : { version }), permissions, ...streams };
  } catch (error) {
    return { ...seen, refused: reasonOf(error) };
  } finally {
    await connection.close().catch(() => undefined);
  }
}

/** The value of `refused` for an invalid URL. */
const NO_URL = 'NO_URL';

function parsedUrl(url: string): ReturnType<typeof parseUrl> | undefined {
  try {
    return parseUrl(url);
  } catch {
    return undefined;
  }
}

/** The code of the library, or of the underlying system. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'no answer';
  const { chainedError } = error as { chainedError?: NodeJS.ErrnoException };
  if (error instanceof NatsError && error.api_error) return error.api_error.description;
  if (error instanceof NatsError && error.code !== ErrorCode.ConnectionRefused) return error.code;
  return chainedError?.code ?? error.message;
}

async function tryPermissions(
  connection: NatsConnection,
  app: AppName | undefined,
): Promise<NonNullable<BusSeen['permissions']>> {
  const refusals = new Refusals(connection);
  // An unknown login has no required permission; if it may do what no service may, it is unrestricted.
  const { must, mustNot } = app === undefined ? { must: [], mustNot: trialsOf('gateway').mustNot } : trialsOf(app);
  const harmless = must.find(({ verb, subject }) => verb === 'publish' && /^ctl\.|^\$JS\.API\.INFO$/.test(subject));
  // A server that does not refuse this trial would deliver the others.
  const untried = !(await refusals.arisesFrom(harmless ?? { verb: 'publish', subject: 'doctor.doctor' }));
  const tried = (trial: Trial): boolean => trial.verb === 'subscribe' || !untried;
  const missing = await refusals.of(must.filter(tried));
  const forbidden = mustNot.filter(tried);
  const refused = await refusals.of(forbidden);
  return {
    tried: must.filter(tried).length + forbidden.length,
    missing,
    excess: forbidden.filter((trial) => !refused.includes(trial)),
    untried,
  };
}

/** The server's refusals of attempts. */
class Refusals {
  readonly #denied = new Set<string>();
  #count = 0;

  readonly #connection: NatsConnection;

  constructor(connection: NatsConnection) {
    this.#connection = connection;
    void this.#watch();
  }

  /** The trials that are not permitted. */
  async of(trials: readonly Trial[]): Promise<Trial[]> {
    this.#denied.clear();
    for (const trial of trials) this.#attempt(trial);
    await this.#settled();
    return trials.filter(({ verb, subject }) => this.#denied.has(`${verb} ${subject}`));
  }

  /** True if the server refuses the subject or the reply of a trial. */
  async arisesFrom(trial: Trial): Promise<boolean> {
    const before = this.#count;
    this.#attempt(trial);
    await this.#settled();
    return this.#count > before;
  }

  #attempt({ verb, subject, queue }: Trial): void {
    const connection = this.#connection;
    // Not empty: an administrator's request with a body is refused once more. The reply subject keeps it from delivery.
    if (verb === 'publish') return connection.publish(subject, 'doctor', { reply: '_R_.doctor' });
    const nothing = { callback: () => undefined, ...(queue === undefined ? {} : { queue }) };
    connection.subscribe(subject, nothing).unsubscribe(); // both go out in one write
  }

  /** Waits until the server has answered everything and the answers were read. */
  async #settled(): Promise<void> {
    await this.#connection.flush();
    await turn();
  }

  async #watch(): Promise<void> {
    for await (const status of this.#connection.status()) {
      if (status.type !== Events.Error) continue;
      this.#count += 1;
      const about = 'permissionContext' in status ? status.permissionContext : undefined;
      if (about) this.#denied.add(`${about.operation === 'publish' ? 'publish' : 'subscribe'} ${about.subject}`);
    }
  }
}
