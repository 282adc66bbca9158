import { Agent, get, type IncomingMessage } from 'node:http';
import { afterEach, describe, expect, it } from '@jest/globals';
import { sleep } from '@switchyard/platform';
import { type TestGateway, startTestGateway } from './http.ts';

let gateway: TestGateway | undefined;
let agent: Agent;
afterEach(async () => {
  agent.destroy();
  await gateway?.stop();
});

/** One request over the connection that is kept, if there is one still. */
const ask = (path: string): Promise<{ status: number; connection: string | undefined; kept: boolean }> =>
  new Promise((resolve, reject) => {
    const request = get(
      `${gateway!.url}${path}`,
      { agent, headers: { 'x-user-id': 'ada' } },
      (answer: IncomingMessage) => {
        answer.resume();
        answer.once('end', () =>
          resolve({
            status: answer.statusCode ?? 0,
            connection: answer.headers.connection,
            kept: request.reusedSocket,
          }),
        );
      },
    );
    request.once('error', reject);
  });

describe('a gateway that is told to end', () => {
  it('serves clients that keep a connection once more, and sends them away with that answer', async () => {
    agent = new Agent({ keepAlive: true, maxSockets: 1 });
    gateway = await startTestGateway({ LINGER_MS: '1000', DRAIN_TIMEOUT_MS: '2000' });
    expect((await ask('/config')).connection).toBe('keep-alive');
    const stopped = gateway.gateway.stop();
    expect(await ask('/config')).toEqual({ status: 200, connection: 'close', kept: true });
    expect((await ask('/readiness')).status).toBe(503);
    await stopped;
    await expect(ask('/config')).rejects.toThrow('ECONNREFUSED');
  });

  it('closes connections that nobody uses before it refuses, so that no request is lost on one', async () => {
    agent = new Agent({ keepAlive: true, maxSockets: 1 });
    gateway = await startTestGateway({ LINGER_MS: '300', DRAIN_TIMEOUT_MS: '2000' });
    await ask('/config');
    const [socket] = Object.values(agent.freeSockets).flat();
    const stopped = gateway.gateway.stop();
    await sleep(100);
    expect(socket?.destroyed).toBe(false);
    await stopped;
    await sleep(50);
    expect(socket?.destroyed).toBe(true);
  });

  it('refuses at once where it is not to linger', async () => {
    agent = new Agent({ keepAlive: false });
    gateway = await startTestGateway({ DRAIN_TIMEOUT_MS: '2000' });
    const began = Date.now();
    await gateway.gateway.stop();
    expect(Date.now() - began).toBeLessThan(1_000);
  });
});
