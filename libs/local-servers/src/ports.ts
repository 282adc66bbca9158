import { createServer } from 'node:net';

/**
 * Below Linux's ephemeral range, so that no outgoing connection takes a chosen port; above the ports of common
 * services.
 */
const FIRST_PORT = 20_000;
const LAST_PORT = 32_000;
const TRIES = 200;

/** True if nothing listens on this loopback port now. */
export function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen({ port, host: '127.0.0.1', exclusive: true }, () => probe.close(() => resolve(true)));
  });
}

/**
 * A loopback port between 20000 and 32000 that is free now. Another process may take it first, so the caller must be
 * ready to try another port.
 */
export async function freePort(): Promise<number> {
  for (let n = 0; n < TRIES; n++) {
    const port = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT));
    if (await isPortFree(port)) return port;
  }
  throw new Error(`no free port found between ${FIRST_PORT} and ${LAST_PORT}`);
}
