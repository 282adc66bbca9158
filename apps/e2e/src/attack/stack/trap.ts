import { createServer, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';

/** A listener on a private address. Every connection to it is a request that egress rules should have refused. */
export interface Trap {
  readonly port: number;
  /** Connections since the start. */
  sprung(): number;
  stop(): Promise<void>;
}

export async function startTrap(): Promise<Trap> {
  let sprung = 0;
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    sprung += 1;
    open.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => open.delete(socket));
    socket.end('HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: close\r\n\r\nprivate');
  });
  // The trap listens on IPv4 and IPv6, under each name of this machine.
  await new Promise<void>((resolve) => server.listen(0, '::', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    sprung: () => sprung,
    stop: () => {
      for (const socket of open) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
