import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { until } from '@switchyard/testing';

const PYTHON = '/usr/bin/python3';
const SCRIPT = join(import.meta.dirname, 'slixmpp-peer.py');

/** False where the Debian package is missing. */
export function slixmppIsInstalled(): boolean {
  return existsSync('/usr/lib/python3/dist-packages/slixmpp') && existsSync(PYTHON);
}

export interface SlixmppSaid {
  readonly event: 'online' | 'asked' | 'answer' | 'refused' | 'timeout';
  readonly id?: string;
  readonly jid?: string;
  readonly status?: number;
  readonly body?: string | null;
  readonly method?: string;
  readonly resource?: string;
  readonly from?: string;
  readonly condition?: string;
  readonly headers?: Record<string, string>;
}

/** python3-slixmpp as a process of its own. */
export class SlixmppPeer {
  readonly said: SlixmppSaid[] = [];
  #errors = '';
  #count = 0;

  readonly #process: ChildProcess;

  private constructor(process: ChildProcess) {
    this.#process = process;
    createInterface({ input: process.stdout! }).on('line', (line) => {
      if (line.startsWith('{')) this.said.push(JSON.parse(line) as SlixmppSaid);
    });
    process.stderr!.on('data', (bytes: Buffer) => (this.#errors = `${this.#errors}${bytes.toString()}`.slice(-4_000)));
  }

  static async start(jid: string, password: string, port: number, caFile: string): Promise<SlixmppPeer> {
    const args = ['-W', 'ignore', SCRIPT, jid, password, '127.0.0.1', String(port), caFile];
    const peer = new SlixmppPeer(spawn(PYTHON, args, { stdio: 'pipe' }));
    await until(() => peer.said.some(({ event }) => event === 'online'), 30_000).catch(() => {
      throw new Error(`slixmpp did not come online: ${peer.#errors}`);
    });
    return peer;
  }

  get jid(): string {
    return this.said.find(({ event }) => event === 'online')!.jid!;
  }

  async ask(to: string, method: string, resource: string, body?: string, headers = {}): Promise<SlixmppSaid> {
    const id = String((this.#count += 1));
    this.#process.stdin!.write(`${JSON.stringify({ id, to, method, resource, body, headers })}\n`);
    await until(() => this.said.some((each) => each.id === id), 20_000);
    return this.said.find((each) => each.id === id)!;
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null) return;
    const gone = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#process.kill('SIGKILL');
    await gone;
  }
}
