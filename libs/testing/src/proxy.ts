import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A TCP proxy before a local server, with faults. */
export interface Proxy {
  readonly port: number;
  /** Ends all connections and accepts no other. */
  cut(): void;
  /** Ends all connections once; a new one gets through. */
  drop(): void;
  /** Connections stay open and nothing passes, also on new ones. */
  freeze(): void;
  /** Delays everything by so many ms. */
  delay(ms: number): void;
  /** Ends the fault for connections that are made from now on. */
  heal(): void;
  stop(): void;
}

export async function startProxy(to: number): Promise<Proxy> {
  const pairs = new Set<readonly [Socket, Socket]>();
  let refusing = false;
  let frozen = false;
  let delayMs = 0;
  const pass = (into: Socket, chunk: Buffer): void => {
    if (frozen || into.destroyed) return;
    if (delayMs === 0) into.write(chunk);
    else setTimeout(() => into.destroyed || into.write(chunk), delayMs);
  };
  const server = createServer((near) => {
    if (refusing) return void near.destroy();
    const far = connect(to, '127.0.0.1');
    const pair = [near, far] as const;
    pairs.add(pair);
    const end = (): void => {
      pairs.delete(pair);
      near.destroy();
      far.destroy();
    };
    for (const [from, into] of [pair, [far, near] as const]) {
      from.on('data', (chunk: Buffer) => pass(into, chunk));
      from.on('error', end);
      from.on('close', end);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const drop = (): void => {
    for (const socket of [...pairs].flat()) socket.destroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    cut: () => {
      refusing = true;
      drop();
    },
    drop,
    freeze: () => {
      frozen = true;
    },
    delay: (ms) => {
      delayMs = ms;
    },
    heal: () => {
      refusing = false;
      frozen = false;
      delayMs = 0;
    },
    stop: () => {
      refusing = true;
      drop();
      server.close();
    },
  };
}
