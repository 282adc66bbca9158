import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A link to a local server that can be cut, or frozen so that it stays open and swallows everything. */
export async function startProxy(to: number) {
  const pairs = new Set<{ near: Socket; far: Socket }>();
  let refusing = false;
  let frozen = false;
  const server = createServer((near) => {
    if (refusing) return void near.destroy();
    const far = connect(to, '127.0.0.1');
    const pair = { near, far };
    pairs.add(pair);
    const end = () => {
      pairs.delete(pair);
      near.destroy();
      far.destroy();
    };
    for (const [from, into] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on('data', (chunk) => void (frozen || into.write(chunk)));
      from.on('error', end);
      from.on('close', end);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const drop = () => {
    for (const { near, far } of pairs) {
      near.destroy();
      far.destroy();
    }
  };
  return {
    port: (server.address() as AddressInfo).port,
    /** Ends the link and lets no other begin. */
    cut: () => {
      refusing = true;
      drop();
    },
    /** Ends the link once; the next attempt gets through. */
    drop,
    heal: () => {
      refusing = false;
      frozen = false;
    },
    freeze: () => {
      frozen = true;
    },
    stop: () => {
      refusing = true;
      drop();
      server.close();
    },
  };
}
