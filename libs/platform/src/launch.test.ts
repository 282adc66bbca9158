import { createServer, type Server } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { startFailure } from './launch.ts';

const listen = (port: number, host = '127.0.0.1') =>
  new Promise<Server>((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(port, host, () => resolve(server));
  });

describe('a service that cannot start', () => {
  it('names the address that somebody else has, and takes it for a matter of configuration', async () => {
    const taken = await listen(0);
    const { port } = taken.address() as { port: number };
    const error = await listen(port).catch((refused: unknown) => refused);
    taken.close();
    const { text, exitCode } = startFailure(error);
    expect(text).toBe(
      `Cannot start: 127.0.0.1:${port} is in use by another program: stop that one, or configure another port.`,
    );
    expect(exitCode).toBe(78);
  });

  it('tells anything else as it came', () => {
    expect(startFailure(new Error('no streams'))).toMatchObject({
      text: expect.stringContaining('Cannot start: Error: no streams'),
      exitCode: 1,
    });
    expect(startFailure(Object.assign(new Error('x'), { code: 'EADDRINUSE' })).exitCode).toBe(1);
    expect(startFailure('nothing').text).toBe('Cannot start: nothing');
  });
});
