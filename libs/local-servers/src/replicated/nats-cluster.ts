import { join } from 'node:path';
import { ADMIN } from '../access/index.ts';
import type { GuardedLocalServer } from '../local-server.ts';
import { startNats, type NatsOptions } from '../nats.ts';
import { freePort } from '../ports.ts';

/** Several nats-servers that know each other; any of them serves a client. */
export interface NatsCluster extends Pick<GuardedLocalServer, 'url' | 'urlFor' | 'tlsFor'> {
  readonly members: readonly GuardedLocalServer[];
  stop(): Promise<void>;
}

const SERVERS = 3;

/** Starts three of them. `url` names all; permissions, limits and TLS are those of a single one. */
export async function startNatsCluster(options: Omit<NatsOptions, 'port'>): Promise<NatsCluster> {
  const routePorts = await Promise.all(Array.from({ length: SERVERS }, freePort));
  const routes = routePorts.map((port) => `nats-route://127.0.0.1:${port}`).join(', ');
  const outcomes = await Promise.allSettled(
    routePorts.map((port, n) =>
      startNats({
        ...options,
        dir: join(options.dir, String(n + 1)),
        config: `${options.config ?? ''}\ncluster { name: switchyard, listen: "127.0.0.1:${port}", routes: [${routes}] }`,
      }),
    ),
  );
  const members = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  const stop = async (): Promise<void> => void (await Promise.all(members.map((member) => member.stop())));
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failed) {
    await stop();
    throw failed.reason;
  }
  const urlFor = (app: string): string => members.map((member) => member.urlFor(app)).join(',');
  const { tlsFor } = members[0]!;
  return { members, url: urlFor(ADMIN), urlFor, ...(tlsFor ? { tlsFor } : {}), stop };
}
