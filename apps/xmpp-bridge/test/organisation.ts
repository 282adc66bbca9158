import { join } from 'node:path';
import { type Bus, connectBus, type Service } from '@switchyard/bus';
import { httpBody, httpRequest, type InputOf, type OutputOf, xmppStatus } from '@switchyard/contracts';
import type { Call } from '@switchyard/bus';
import { type Servers, startServers } from '@switchyard/local-servers';
import { createLogger, parseConfig } from '@switchyard/platform';
import { CarriedBodies } from '@switchyard/safe-fetch';
import { until } from '@switchyard/testing';
import { Config, createXmppBridge } from '../src/index.ts';

const log = createLogger({ app: 'test', level: 'silent' });

export type Served = InputOf<typeof httpRequest>;
export type Answer = OutputOf<typeof httpRequest>;

/** One organisation: its own NATS and its own bridge. The test plays its gateway, and whoever calls out. */
export class Organisation {
  readonly served: Served[] = [];
  answer: (request: Served, call: Call) => Promise<Answer> | Answer = echo;

  readonly #gateway: Bus;

  private constructor(
    readonly servers: Servers<'nats'>,
    readonly service: Service,
    /** Asks the bridge. */
    readonly out: Bus,
    gateway: Bus,
  ) {
    this.#gateway = gateway;
  }

  static async start(options: {
    dir: string;
    account: string;
    port: number;
    caFile: string;
    env?: Record<string, string>;
  }): Promise<Organisation> {
    const user = options.account.split('@')[0]!;
    const servers = await startServers(['nats'], { dir: join(options.dir, `servers-${user}`) });
    const config = parseConfig(Config, {
      ...servers.accessOf('xmpp-bridge'),
      AZTM_JID: options.account,
      AZTM_PASSWORD: `pw-${user}`,
      AZTM_HOST: '127.0.0.1',
      AZTM_PORT: String(options.port),
      AZTM_CA_FILE: options.caFile,
      ...options.env,
    });
    if (!config.ok) throw new Error(JSON.stringify(config.problems));
    const service = createXmppBridge(config.value, { log, handleSignals: false });
    await service.start();
    const out = await connectBus({ ...servers.busOf('gateway'), log });
    const gateway = await connectBus({ ...servers.busOf('gateway'), log });
    const made = new Organisation(servers, service, out, gateway);
    const bodies = new CarriedBodies();
    await gateway.answer(httpBody, (piece) => Promise.resolve(bodies.piece(piece)), { as: bodies.name });
    await gateway.answer(httpRequest, async (request, call) => {
      const body = (await bodies.take(request, 16 * 1_024 ** 2, call)).toString('base64');
      made.served.push({ ...request, body });
      return made.answer({ ...request, body }, call);
    });
    await made.online();
    return made;
  }

  /** Resolves when the login stands. */
  online(): Promise<void> {
    return until(async () => (await this.out.request(xmppStatus, {})).state === 'online', 30_000);
  }

  /** The value of a counter with one label. */
  async metric(name: string, label: string): Promise<number> {
    const text = await (await fetch(`http://127.0.0.1:${this.service.opsPort}/metrics`)).text();
    const line = text.split('\n').find((each) => each.startsWith(`${name}{`) && each.includes(`="${label}"`));
    return line === undefined ? 0 : Number(line.slice(line.lastIndexOf(' ') + 1));
  }

  async gauge(name: string): Promise<number> {
    const text = await (await fetch(`http://127.0.0.1:${this.service.opsPort}/metrics`)).text();
    const line = text.split('\n').find((each) => each.startsWith(`${name}{`));
    return line === undefined ? Number.NaN : Number(line.slice(line.lastIndexOf(' ') + 1));
  }

  async stop(): Promise<void> {
    await Promise.all([this.out.close(), this.#gateway.close()]);
    await this.service.stop();
    await this.servers.stop();
  }
}

/** Gives back what was sent, in pieces as the gateway does where it is long. */
export function echo({ body, headers }: Served, call?: Call): Answer {
  const type = headers.find(([name]) => name === 'content-type')?.[1] ?? 'text/plain';
  const head = { status: 200, headers: [['content-type', type]] as [string, string][] };
  if (body.length < 40_000 || !call) return { ...head, body };
  const bytes = Buffer.from(body, 'base64');
  call.progress({ head });
  for (let at = 0; at < bytes.length; at += 131_072)
    call.progress({ chunk: bytes.subarray(at, at + 131_072).toString('base64') });
  return { ...head, body: '' };
}
