import { type ChildProcess, spawn } from 'node:child_process';
import { connect, type Socket } from 'node:net';

/**
 * A port that answers no SYN, as behind a firewall that drops: its process listens and is stopped, and its backlog is
 * full (Linux then drops what else comes).
 */
export class SilentPort {
  readonly #child: ChildProcess;
  readonly #filling: readonly Socket[];

  private constructor(
    readonly port: number,
    child: ChildProcess,
    filling: readonly Socket[],
  ) {
    this.#child = child;
    this.#filling = filling;
  }

  static async start(): Promise<SilentPort> {
    const program = `const s = require('node:net').createServer(); s.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => console.log(s.address().port)); setInterval(() => undefined, 60000)`;
    const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'ignore'] });
    const port = await new Promise<number>((resolve) => child.stdout!.once('data', (text) => resolve(Number(text))));
    child.kill('SIGSTOP');
    const filling: Socket[] = [];
    // The first that is not taken within a second shows that nothing more is.
    while (filling.length < 64 && (await isTaken(port, filling)));
    return new SilentPort(port, child, filling);
  }

  async stop(): Promise<void> {
    for (const socket of this.#filling) socket.destroy();
    const gone = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGKILL');
    await gone;
  }
}

function isTaken(port: number, filling: Socket[]): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    filling.push(socket);
    socket.on('error', () => undefined);
    // A process that stood still reads first what came meanwhile.
    const limit = setTimeout(() => setImmediate(() => resolve(!socket.connecting)), 1_000);
    socket.once('connect', () => {
      clearTimeout(limit);
      resolve(true);
    });
  });
}
