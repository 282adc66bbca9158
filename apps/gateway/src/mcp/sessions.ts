import { randomBytes, randomUUID } from 'node:crypto';
import { type McpServer, WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/server';
import { AppError } from '@switchyard/contracts';
import { Replay } from './replay.ts';

/*
 * Sessions of clients of the older protocol (2025-11-25 and before): only in a session can a tool ask its client
 * something while it runs.
 *
 * - A session lives in the replica that began it, and its id begins with the name of that replica. Other replicas
 *   forward its requests there (handover.ts). After a restart the session is unknown: the protocol has the client begin
 *   a new one.
 * - The session of another user is unknown, too.
 * - The number of sessions is limited, per process and per user. An idle session makes room for a new one, the longest
 *   unused first.
 * - An idle session ends after a while. A session with an open request or stream is in use.
 */

export interface SessionLimits {
  readonly perUser: number;
  readonly perProcess: number;
  readonly idleMs: number;
}

/** The name of this replica as the first part of its sessions' ids. */
type ReplicaName = string;

/** The replica of a session, by its id; undefined for a foreign id. */
export function replicaOf(id: string): ReplicaName | undefined {
  return /^([0-9a-f]{16})-[0-9a-f-]{36}$/.exec(id)?.[1];
}

export class Session {
  readonly id: string;
  readonly transport: WebStandardStreamableHTTPServerTransport;
  #users = 0;
  #usedAt: number;

  readonly #now: () => number;

  constructor(
    replica: ReplicaName,
    readonly user: string,
    keepAliveMs: number,
    now: () => number,
    onClosed: (id: string) => void,
  ) {
    this.#now = now;
    this.id = `${replica}-${randomUUID()}`;
    this.#usedAt = now();
    this.transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: () => this.id,
      onsessionclosed: onClosed,
      eventStore: new Replay(),
      retryInterval: 1_000,
      keepAliveMs,
    });
  }

  get idle(): boolean {
    return this.#users === 0;
  }

  get usedAt(): number {
    return this.#usedAt;
  }

  /** Marks the begin of a request or stream; returns a function to call once at its end. */
  use(): () => void {
    this.#users += 1;
    let open = true;
    return () => {
      if (!open) return;
      open = false;
      this.#users -= 1;
      this.#usedAt = this.#now();
    };
  }
}

const SWEEP_MS = 30_000;

export class Sessions {
  readonly replica: ReplicaName = randomBytes(8).toString('hex');
  readonly #sessions = new Map<string, { session: Session; server: McpServer }>();
  readonly #timer: NodeJS.Timeout;

  readonly #limits: SessionLimits;
  readonly #keepAliveMs: number;
  readonly #now: () => number;

  constructor(limits: SessionLimits, keepAliveMs: number, now: () => number = Date.now) {
    this.#limits = limits;
    this.#keepAliveMs = keepAliveMs;
    this.#now = now;
    this.#timer = setInterval(() => this.sweep(), SWEEP_MS);
    this.#timer.unref();
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** The session of this user with this id; undefined also for the session of another user. */
  find(id: string, user: string): Session | undefined {
    const found = this.#sessions.get(id)?.session;
    return found?.user === user ? found : undefined;
  }

  /**
   * Begins a session. Throws `rate_limited` if the user's sessions are all in use and at their limit, `overloaded` if
   * those of this process are.
   */
  async open(user: string, server: McpServer): Promise<Session> {
    const mine = [...this.#sessions.values()].filter(({ session }) => session.user === user);
    if (mine.length >= this.#limits.perUser && !this.#makeRoom(mine))
      throw new AppError('rate_limited', `You have ${mine.length} MCP sessions in use; close one first.`, {
        retryAfterMs: 5_000,
      });
    if (this.#sessions.size >= this.#limits.perProcess && !this.#makeRoom([...this.#sessions.values()]))
      throw new AppError('overloaded', 'Too many MCP sessions are in use here; try again soon.', {
        retryAfterMs: 5_000,
      });
    const session = new Session(this.replica, user, this.#keepAliveMs, this.#now, (id) => this.#sessions.delete(id));
    this.#sessions.set(session.id, { session, server });
    await server.connect(session.transport);
    return session;
  }

  /** Removes a session that failed to start or has ended. */
  drop(id: string): void {
    const entry = this.#sessions.get(id);
    this.#sessions.delete(id);
    void entry?.server.close().catch(() => undefined);
  }

  /** Ends sessions that were idle for `idleMs`. A session with an open request or stream stays. */
  sweep(): void {
    const before = this.#now() - this.#limits.idleMs;
    for (const { session } of this.#sessions.values())
      if (session.idle && session.usedAt <= before) this.drop(session.id);
  }

  /** Ends idle streams, so that their clients reconnect elsewhere. */
  drain(): void {
    for (const { session } of this.#sessions.values()) session.transport.closeStandaloneSSEStream();
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    const servers = [...this.#sessions.values()].map(({ server }) => server);
    this.#sessions.clear();
    await Promise.all(servers.map((server) => server.close().catch(() => undefined)));
  }

  /** Ends the longest unused of these sessions; false if all are in use. */
  #makeRoom(among: readonly { session: Session }[]): boolean {
    const idle = among.map(({ session }) => session).filter((session) => session.idle);
    const oldest = idle.reduce<Session | undefined>((a, b) => (a && a.usedAt <= b.usedAt ? a : b), undefined);
    if (oldest) this.drop(oldest.id);
    return oldest !== undefined;
  }
}
