import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Environment, hasOwnModel, parseReplicas, type StackAddresses } from './environment.ts';
import { sourceOf, startInfrastructure, stopComposed } from './infrastructure.ts';
import { migrate } from './migrate.ts';
import type { Place } from './place.ts';
import { Ports } from './ports.ts';
import { writeProcesses } from './records.ts';
import { developmentApps, entryOf, type Launchable, serviceApps } from './services.ts';
import { opsToken } from './settings-key.ts';
import { Supervised } from './supervised.ts';
import { loginSettings, OWN_JID } from './xmpp-login.ts';

/*
 * The stack of one clone: infrastructure, then services, all kept alive. Guarantees:
 *  U1. A start that fails stops everything that it started before the error leaves.
 *  U2. status.json names exactly the processes that live, at every moment.
 *  U3. stop() ends the services before the servers they lean on, and returns when nothing is left.
 */

export interface Progress {
  readonly name: string;
  readonly text: string;
  readonly ms?: number;
}

/** Readiness that a first task needs; the other services may come later. */
const NEEDED = ['gateway', 'orchestrator', 'mcp-tool', 'a2a'];
const READY_LIMIT_MS = 45_000;
const PROBE_LIMIT_MS = 2_000;

export interface SupervisorOptions {
  readonly place: Place;
  readonly environment: Environment;
  /** Variables that the operator's files name, for mcp-tool. */
  readonly namedVariables: readonly string[];
  readonly gateway: { readonly host: string; readonly port: number };
  readonly onProgress: (progress: Progress) => void;
  /** One line for people, now and later. */
  readonly onNotice: (line: string) => void;
}

async function isReady(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/readiness`, { signal: AbortSignal.timeout(PROBE_LIMIT_MS) });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}

export class Supervisor {
  private readonly options: SupervisorOptions;
  private readonly ports: Ports;
  private readonly servers: Supervised[] = [];
  private readonly apps: Supervised[] = [];
  private usesCompose = false;
  private starting: Promise<void> | undefined;
  private ending = false;

  constructor(options: SupervisorOptions) {
    this.options = options;
    this.ports = new Ports(options.place.portsFile);
  }

  async start(): Promise<void> {
    this.starting = this.startAll();
    try {
      await this.starting;
    } catch (error) {
      await this.stopAll();
      throw error;
    }
  }

  /** May come at any moment: a start that is under way ends at its next step, and then everything is stopped. */
  async stop(): Promise<void> {
    this.ending = true;
    await this.starting?.catch(() => undefined);
    await this.stopAll();
  }

  private async stopAll(): Promise<void> {
    await Promise.all(this.apps.map((app) => app.stop()));
    await Promise.all(this.servers.map((server) => server.stop()));
    if (this.usesCompose)
      await stopComposed(this.options.place).catch((error: Error) => this.options.onNotice(error.message));
    this.publish();
  }

  private readonly publish = (): void => {
    const living = [...this.apps, ...this.servers].flatMap(({ name, current }) =>
      current ? [{ name, pid: current.pid, url: current.url }] : [],
    );
    writeProcesses(this.options.place, living);
  };

  private goOn(): void {
    if (this.ending) throw new Error('stopped while it started');
  }

  private async startAll(): Promise<void> {
    const { place, environment, namedVariables, gateway, onProgress, onNotice } = this.options;
    const watch = { onChange: this.publish, onNotice };
    const replicas = parseReplicas(environment['SWITCHYARD_REPLICAS']);
    this.usesCompose = Boolean(environment['SWITCHYARD_COMPOSE']);

    const mockA2aPort = await this.ports.take('mock-a2a');
    const devModelPort = hasOwnModel(environment) ? undefined : await this.ports.take('dev-model');
    const development = { mockA2aPort, ...(devModelPort === undefined ? {} : { devModelPort }) };
    await this.launch(developmentApps(place, development, environment));

    const infrastructure = await startInfrastructure(place, environment, this.ports, watch, (name, ms) =>
      onProgress({ name, text: 'ready', ms }),
    );
    this.servers.push(...infrastructure.supervised);
    this.publish();
    this.goOn();

    const { urls, xmpp } = infrastructure;
    const began = Date.now();
    const isPrivate = sourceOf('postgres', environment) === 'private';
    const migrated = await migrate(place, urls.postgres, isPrivate);
    if (migrated) onProgress({ name: 'database', text: 'migrated', ms: Date.now() - began });

    this.goOn();
    const stack: StackAddresses = {
      root: place.root,
      accessOf: infrastructure.accessOf,
      opsToken: opsToken(place),
      namedVariables,
      xmppLogin: xmpp && loginSettings(xmpp, OWN_JID, urls.prosody),
      gateway,
      ...development,
    };
    const services = serviceApps(place, stack, environment, replicas, this.ports);
    const startedAt = Date.now();
    await this.launch(services);
    await this.waitUntilReady(startedAt);
  }

  /** Starts processes at once; an app that is not built is said and left out. */
  private async launch(launchables: readonly Launchable[]): Promise<void> {
    const { place, onNotice } = this.options;
    const present = launchables.filter(({ name }) => {
      const built = existsSync(entryOf(place, name.replace(/-\d+$/, '')));
      if (!built) onNotice(`${name} is not built; going on without it`);
      return built;
    });
    const started = present.map(({ name, launch }) => {
      const app = new Supervised({ name, launch, onChange: this.publish, onNotice });
      this.apps.push(app);
      return app.start();
    });
    await Promise.all(started);
    this.publish();
  }

  private async waitUntilReady(startedAt: number): Promise<void> {
    const { onProgress, onNotice } = this.options;
    const waiting = new Set(this.apps.filter(({ name }) => NEEDED.includes(name)));
    for (const deadline = Date.now() + READY_LIMIT_MS; waiting.size > 0 && Date.now() < deadline;) {
      this.goOn();
      const probes = [...waiting].map(async (app) => {
        if (app.current && (await isReady(app.current.url))) {
          waiting.delete(app);
          onProgress({ name: app.name, text: 'ready', ms: Date.now() - startedAt });
        }
      });
      await Promise.all(probes);
      if (waiting.size > 0) await sleep(50);
    }
    for (const { name } of waiting) {
      onNotice(
        `${name} is not ready after ${READY_LIMIT_MS / 1000} s; ./switchyard doctor and ./switchyard logs ${name} tell more`,
      );
    }
  }
}
