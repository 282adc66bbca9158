import { createServer, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { until } from '@switchyard/testing';
import { SseSocket } from '../src/streams/sse.ts';

let server: Server | undefined;
const clients: Socket[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  server?.closeAllConnections();
  await new Promise((resolve) => (server === undefined ? resolve(null) : server.close(resolve)));
});

/** A stream with a client that reads only when it is told to. */
async function stream(options: {
  maxBufferedBytes?: number;
  stallMs?: number;
  heartbeatMs?: number;
}): Promise<{ socket: SseSocket; client: Socket }> {
  let take: (response: ServerResponse) => void;
  const answered = new Promise<ServerResponse>((resolve) => (take = resolve));
  server = createServer((_request, response) => take(response));
  await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve));
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  clients.push(client);
  client.on('error', () => undefined);
  client.pause();
  client.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  const response = await answered;
  const socket = new SseSocket(
    response,
    { 'x-run-id': 'r' },
    { heartbeatMs: 60_000, maxBufferedBytes: 1_048_576, keepAlive: () => ': ka\n\n', ...options },
  );
  return { socket, client };
}

const MB = 'x'.repeat(1_000_000);

describe('SseSocket', () => {
  it('waits for a client that is behind, and goes on when it reads', async () => {
    const { socket, client } = await stream({ maxBufferedBytes: 100_000_000 });
    let written = 0;
    const writing = (async () => {
      for (let i = 0; i < 20; i += 1) {
        await socket.write(MB);
        written += 1;
      }
    })();
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(written).toBeLessThan(20);
    expect(socket.behind).toBe(true);
    client.resume();
    await writing;
    expect(socket.closed).toBe(false);
    socket.end();
  });

  it('closes a client that never reads, and lets its writer go', async () => {
    const { socket } = await stream({ maxBufferedBytes: 100_000_000, stallMs: 150 });
    const writing = (async () => {
      while (!socket.closed) await socket.write(MB);
    })();
    await writing;
    expect(socket.closed).toBe(true);
  });

  it('closes a client on which too much piles up', async () => {
    const { socket } = await stream({ maxBufferedBytes: 500_000 });
    for (let i = 0; i < 40 && !socket.closed; i += 1) void socket.write(MB);
    expect(socket.closed).toBe(true);
  });

  it('takes one large frame from a client that keeps up', async () => {
    const { socket, client } = await stream({ maxBufferedBytes: 100_000 });
    client.resume();
    await socket.write(MB);
    expect(socket.closed).toBe(false);
    socket.end();
  });

  it('sends the headers and what is ready in one write', async () => {
    const { socket, client } = await stream({});
    let text = '';
    let packets = 0;
    client.on('data', (chunk) => ((text += chunk.toString()), (packets += 1)));
    client.resume();
    await socket.write('data: 1\n\ndata: 2\n\n');
    await until(() => text.includes('data: 2'));
    expect(packets).toBe(1);
    expect(text).toMatch(/^HTTP\/1.1 200 OK\r\nx-run-id: r\r\ncontent-type: text\/event-stream/);
    socket.end();
  });

  it('sends the headers alone where nothing is ready', async () => {
    const { socket, client } = await stream({});
    let text = '';
    client.on('data', (chunk) => (text += chunk.toString()));
    client.resume();
    await until(() => text.startsWith('HTTP/1.1 200 OK'));
    socket.end();
  });

  it('does not say that it lives to a client that is behind, nor after its end', async () => {
    const { socket, client } = await stream({ heartbeatMs: 20, maxBufferedBytes: 100_000_000 });
    let text = '';
    client.on('data', (chunk) => (text += chunk.toString()));
    client.resume();
    await until(() => text.includes(': ka\n\n'));
    socket.end();
    const then = text.length;
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(text.length - then).toBeLessThan(20);
  });

  it('knows when the client went away', async () => {
    const { socket, client } = await stream({});
    await socket.write('data: 1\n\n');
    client.destroy();
    await until(() => socket.closed);
    await socket.write('data: 2\n\n');
    socket.end();
  });
});
