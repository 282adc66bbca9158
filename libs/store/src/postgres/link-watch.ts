import type { Socket } from 'node:net';
import type pg from 'pg';

/*
 * Notices a link that is open and swallows everything. Invariants:
 * - One reply that does not come puts every connection that was silent meanwhile under suspicion: they share the link.
 *   All of them end at once, so that the next attempt is made over a new connection instead of the next dead one.
 * - A connection that was heard of meanwhile is left alone.
 */

/** What `pg` says of a reply that did not come. */
const NO_REPLY = 'Query read timeout';

interface Heard {
  readonly socket: Socket;
  bytes: number;
  at: number;
}

/** The socket of a client; not part of its types. */
function socketOf(client: pg.PoolClient): Socket | undefined {
  return (client as unknown as { connection?: { stream?: Socket } }).connection?.stream;
}

const LOOK_MS = 500;
/** Silent for as long, a connection shares the suspicion. */
const SILENT_MS = 3_000;

/** Watches the connections of a pool until it ends. */
export function watchLinks(pool: pg.Pool, onDead: (connections: number) => void): void {
  const heard = new Map<pg.PoolClient, Heard>();
  const look = (): void => {
    const now = performance.now();
    for (const link of heard.values()) {
      if (link.socket.bytesRead === link.bytes) continue;
      link.bytes = link.socket.bytesRead;
      link.at = now;
    }
  };
  let timer: NodeJS.Timeout | undefined;
  pool.on('connect', (client) => {
    const socket = socketOf(client);
    if (!socket) return;
    heard.set(client, { socket, bytes: socket.bytesRead, at: performance.now() });
    timer ??= setInterval(look, LOOK_MS).unref();
  });
  pool.on('remove', (client) => {
    heard.delete(client);
    if (heard.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  });
  pool.on('release', (error: Error | undefined) => {
    if (error?.message !== NO_REPLY) return;
    look();
    const since = performance.now() - SILENT_MS + LOOK_MS;
    const dead = [...heard.values()].filter(({ at }) => at <= since);
    for (const { socket } of dead) socket.destroy(); // they share the dead link
    if (dead.length > 0) onDead(dead.length);
  });
}
