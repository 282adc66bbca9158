import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { StreamEvent } from '../src/terminal/event-line.ts';
import { GatewayClient, readEvents } from '../src/command-line/gateway-client.ts';

type Handler = (request: IncomingMessage, response: ServerResponse, body: string) => void;

let server: Server | undefined;
afterEach(
  () =>
    new Promise<void>((resolve) =>
      server ? (server.closeAllConnections(), server.close(() => resolve())) : resolve(),
    ),
);

async function gateway(handler: Handler): Promise<{ client: GatewayClient; asked: string[] }> {
  const asked: string[] = [];
  server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += chunk));
    request.on('end', () => {
      asked.push(
        `${request.method} ${request.url} user=${request.headers['x-user-id']} last=${request.headers['last-event-id'] ?? ''}`,
      );
      handler(request, response, body);
    });
  });
  await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { client: new GatewayClient(`http://127.0.0.1:${port}`, { user: 'ada' }), asked };
}

const frame = (seq: number, name: string, data: unknown): string =>
  `id: R:${seq}\nevent: ${name}\ndata: ${JSON.stringify(data)}\n\n`;

async function collect(events: AsyncGenerator<StreamEvent>): Promise<string[]> {
  const names: string[] = [];
  for await (const event of events) names.push(`${event.id ?? ''} ${event.name}`);
  return names;
}

const options = { signal: new AbortController().signal, onBreak: () => undefined };

describe('GatewayClient', () => {
  it('says at a 401 that its identity is the one of development', async () => {
    const { client } = await gateway((_, response) => {
      response.writeHead(401).end(JSON.stringify({ detail: 'The edge secret is missing.', code: 'unauthenticated' }));
    });
    await expect(client.get('/runs')).rejects.toThrow(/The edge secret is missing\. .*\n.*IDENTITY_MODE=dev alone/);
  });

  it('a connection that breaks is taken up after the last event; the run is started once', async () => {
    const started: string[] = [];
    const { client, asked } = await gateway((request, response, body) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      if (request.method === 'POST') {
        started.push(`${request.headers['idempotency-key']} ${(JSON.parse(body) as { run_id: string }).run_id}`);
        response.write(frame(1, 'response.created', {}) + frame(2, 'orchestrator.task.started', { task: 'x' }));
        setTimeout(() => response.destroy(), 30);
      } else {
        response.end(
          frame(3, 'orchestrator.task.completed', { status: 'success' }) +
            frame(3, 'response', { answer: 'yes' }) +
            frame(3, 'response.completed', {}),
        );
      }
    });
    const seen = await collect(client.run({ task: 'x', run_id: 'R' }, options));
    expect(seen).toEqual([
      'R:1 response.created',
      'R:2 orchestrator.task.started',
      'R:3 orchestrator.task.completed',
      'R:3 response',
      'R:3 response.completed',
    ]);
    expect(started).toEqual(['R R']);
    expect(asked).toEqual([
      'POST /orchestrate/stream user=ada last=',
      'GET /runs/R/events?dialect=orchestrate user=ada last=R:2',
    ]);
  });

  it('a start whose answer was lost is repeated with the same key', async () => {
    const keys: unknown[] = [];
    const { client } = await gateway((request, response) => {
      keys.push(request.headers['idempotency-key']);
      if (keys.length === 1) return response.destroy();
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.end(frame(1, 'orchestrator.task.completed', {}) + frame(1, 'response.completed', {}));
    });
    await collect(client.run({ task: 'x', run_id: 'R' }, options));
    expect(keys).toEqual(['R', 'R']);
  });

  it('a refusal is final and carries what the gateway said', async () => {
    const { client, asked } = await gateway((_, response) => {
      response.writeHead(400, { 'content-type': 'application/problem+json' });
      response.end(JSON.stringify({ detail: 'The task is empty.', code: 'invalid_input' }));
    });
    await expect(collect(client.run({ task: '', run_id: 'R' }, options))).rejects.toThrow(
      'the gateway answered 400: The task is empty. (invalid_input)',
    );
    expect(asked).toHaveLength(1);
  });

  it('a failed run ends the stream; a gateway that lost sight of a run does not', async () => {
    let calls = 0;
    const { client } = await gateway((_, response) => {
      calls++;
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const failure = `event: response.failed\ndata: {"error":"lost sight"}\n\nevent: error\ndata: {"error":"lost sight"}\n\n`;
      if (calls === 1) return response.end(frame(1, 'response.created', {}) + failure);
      response.end(
        frame(2, 'orchestrator.task.completed', { status: 'failed' }) +
          frame(2, 'response.failed', {}) +
          frame(2, 'error', {}),
      );
    });
    const seen = await collect(client.run({ task: 'x', run_id: 'R' }, options));
    expect(seen).toEqual([
      'R:1 response.created',
      'R:2 orchestrator.task.completed',
      'R:2 response.failed',
      'R:2 error',
    ]);
  });

  it('a stream that is silent counts as broken', async () => {
    const silent = new ReadableStream<Uint8Array>({ start: () => undefined });
    await expect(collect(readEvents(silent, 50))).rejects.toThrow('silent for 0.05 s');
  });

  it('a gateway that is not there is said in one sentence', async () => {
    const client = new GatewayClient('http://127.0.0.1:1', { user: 'ada' });
    await expect(client.get('/runs')).rejects.toThrow(/the gateway at http:\/\/127\.0\.0\.1:1 does not answer/);
  });
});
