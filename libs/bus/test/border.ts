import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { APPS, type AppName } from '@switchyard/contracts';
import { busAccess, loadBusKeys, Passwords, startNats, stockClient } from '@switchyard/local-servers';
import { connect, Events, type NatsConnection } from 'nats';
import { type Bus, connectBus } from '../src/index.ts';
import { log } from './harness.ts';

export const SERVICES = APPS;

/** A nats-server as users get it, and a watcher of one tenant beside the logins that every stack has. */
export interface Border {
  /** Without a login. */
  readonly address: string;
  urlFor(login: string): string;
  /** As a service that runs: its own login and keys. */
  bus(app: AppName): Promise<Bus>;
  operator(person: string): Promise<Bus>;
  /** A stock client with somebody's login, and nothing else of theirs. */
  raw(login: string): Promise<NatsConnection>;
  stop(): Promise<void>;
}

export async function startBorder(binary: string | undefined): Promise<Border> {
  const dir = await mkdtemp(join(tmpdir(), 'border-'));
  const passwords = new Passwords(join(dir, 'logins'));
  const keys = await loadBusKeys(passwords);
  const server = await startNats({
    dir: join(dir, 'nats'),
    durable: false,
    passwords,
    watchers: { 'watcher-acme': ['acme'] },
    ...(binary ? { binary } : {}),
  });
  const open: { close(): Promise<void> }[] = [];
  const kept = <T extends { close(): Promise<void> }>(one: T): T => {
    open.push(one);
    return one;
  };
  return {
    address: `nats://127.0.0.1:${server.port}`,
    urlFor: (login) => server.urlFor(login),
    bus: async (app) => kept(await connectBus({ ...busAccess(app, server, keys, ''), log })),
    operator: async (person) => kept(await connectBus({ ...busAccess('operator', server, keys, person), log })),
    raw: async (login) => kept(await connect({ ...stockClient(server.urlFor(login)), reconnect: false })),
    stop: async () => {
      await Promise.all(open.map((one) => one.close()));
      await server.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** Which of these the server refuses to this connection. */
export async function refusedOf(
  connection: NatsConnection,
  verb: 'publish' | 'subscribe',
  subjects: readonly string[],
): Promise<string[]> {
  const refused = new Set<string>();
  void (async () => {
    for await (const status of connection.status()) {
      const about = 'permissionContext' in status ? status.permissionContext : undefined;
      const operation = verb === 'publish' ? 'publish' : 'subscription';
      if (status.type === Events.Error && about?.operation === operation) refused.add(about.subject);
    }
  })();
  for (const subject of subjects) {
    if (verb === 'publish') connection.publish(subject, '{}');
    else connection.subscribe(subject, { callback: () => undefined });
  }
  await connection.flush();
  await new Promise((resolve) => setTimeout(resolve, 150));
  return subjects.filter((subject) => refused.has(subject));
}
