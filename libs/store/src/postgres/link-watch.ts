import type { Socket } from 'node:net';
import type pg from 'pg';

/*
 * Detects a link that is open but swallows everything. Invariants:
 * - If one reply does not come, every connection that was silent meanwhile is suspect, because they share the link. All
 *   of them end at once, so that the next attempt uses a new connection and not the next dead one.
 * - A connection on which data came meanwhile is left alone.
 */

/** The message of `pg` for a reply that did not come. */
const NO_REPLY = 'Query read timeout';

interface Heard {
  readonly socket: Socket;
  bytes: number;
  at: number;
}

/** The socket of a client, which its types do not show. */
function socketOf(client: pg.PoolClient): Socket | undefined {
  return (client as unknown as { connection?: { stream?: Socket } }).connection?.stream;
}

const LOOK_MS = 500;
/** A connection that was silent for as long as this is suspect as well. */
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
