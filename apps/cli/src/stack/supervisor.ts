import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Environment, hasOwnModel, parseReplicas, type StackAddresses } from '../environment/environment.ts';
import { sourceOf, startInfrastructure, stopComposed } from './infrastructure.ts';
import { migrate } from './migrate.ts';
import { type OwnLogin, ownLogin, stepOne, stepTwo } from './login-wish.ts';
import type { Workspace } from '../environment/workspace.ts';
import { Ports } from '../environment/ports.ts';
import { writeProcesses } from '../environment/process-files.ts';
import { developmentApps, entryOf, type Launchable, serviceApps } from './services.ts';
import { opsToken, signingKeys } from '../environment/settings-key.ts';
import { type Answer, judge, type Verdict, waitLimitMs } from './start-watch.ts';
import { Supervised } from './supervised.ts';
import { loginSettings, OWN_JID } from '../environment/xmpp-login.ts';

/*
 * The stack of one clone: infrastructure, then services, all kept alive. Guarantees:
 *  - When start() fails, it stops everything that it started before it throws.
 *  - status.json names exactly the living processes, at every moment.
 *  - stop() ends the services before the servers that they use, and resolves when no process is left.
 */

export interface Progress {
  readonly name: string;
  readonly text: string;
  readonly ms?: number;
}

const READY_LIMIT_MS = 45_000;
const PROBE_LIMIT_MS = 2_000;
const OF_DEVELOPMENT = /^(dev-model|mock-a2a)$/;
const OF_LOGIN = /^xmpp-bridge(-\d+)?$/;

export interface SupervisorOptions {
  readonly workspace: Workspace;
  readonly environment: Environment;
  /** Variables that the operator's files name, for mcp-tool. */
  readonly namedVariables: readonly string[];
  readonly gateway: { readonly host: string; readonly port: number };
  readonly onProgress: (progress: Progress) => void;
  /** A step of the start, in one line. */
  readonly onStep: (line: string) => void;
  /** One line for people, now and later. */
  readonly onNotice: (line: string) => void;
}

/** A process's answer about its readiness; the development model and the mock agent are ready once they answer. */
async function ask(name: string, url: string): Promise<Answer | undefined> {
  try {
    const response = await fetch(`${url}/readiness`, { signal: AbortSignal.timeout(PROBE_LIMIT_MS) });
    const text = await response.text();
    if (OF_DEVELOPMENT.test(name)) return { ok: true, checks: {} };
    const body = JSON.parse(text) as { checks?: Answer['checks'] };
    return { ok: response.ok, checks: body.checks ?? {} };
  } catch {
    return undefined;
  }
}

export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #ports: Ports;
  readonly #servers: Supervised[] = [];
  readonly #apps: Supervised[] = [];
  #usesCompose = false;
  #starting: Promise<readonly string[]> | undefined;
  #ending = false;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#ports = new Ports(options.workspace.portsFile);
  }

  /** Answers who is not ready in time, each with its reason. */
  async start(): Promise<readonly string[]> {
    this.#starting = this.#startAll();
    try {
      return await this.#starting;
    } catch (error) {
      await this.#stopAll();
      throw error;
    }
  }

  /** May come at any moment: a start that is under way ends at its next step, and then everything is stopped. */
  async stop(): Promise<void> {
    this.#ending = true;
    await this.#starting?.catch(() => undefined);
    await this.#stopAll();
  }

  async #stopAll(): Promise<void> {
    await Promise.all(this.#apps.map((app) => app.stop()));
    await Promise.all(this.#servers.map((server) => server.stop()));
    if (this.#usesCompose)
      await stopComposed(this.#options.workspace).catch((error: Error) => this.#options.onNotice(error.message));
    this.#publish();
  }

  readonly #publish = (): void => {
    const living = [...this.#apps, ...this.#servers].flatMap(({ name, current }) =>
      current ? [{ name, pid: current.pid, url: current.url }] : [],
    );
    writeProcesses(this.#options.workspace, living);
  };

  #goOn(): void {
    if (this.#ending) throw new Error('stopped while it started');
  }

  async #startAll(): Promise<readonly string[]> {
    const { workspace, environment, namedVariables, gateway, onProgress, onNotice } = this.#options;
    const watch = { onChange: this.#publish, onNotice };
    const replicas = parseReplicas(environment['SWITCHYARD_REPLICAS']);
    this.#usesCompose = Boolean(environment['SWITCHYARD_COMPOSE']);

    const mockA2aPort = await this.#ports.take('mock-a2a');
    const devModelPort = hasOwnModel(environment) ? undefined : await this.#ports.take('dev-model');
    const development = { mockA2aPort, ...(devModelPort === undefined ? {} : { devModelPort }) };
    await this.#launch(developmentApps(workspace, development, environment));

    const infrastructure = await startInfrastructure(workspace, environment, this.#ports, watch, (name, ms) =>
      onProgress({ name, text: 'ready', ms }),
    );
    this.#servers.push(...infrastructure.supervised);
    this.#publish();
    this.#goOn();

    const { urls, xmpp } = infrastructure;
    const began = Date.now();
    const isPrivate = sourceOf('postgres', environment) === 'private';
    const migrated = await migrate(workspace, urls.postgres, isPrivate);
    if (migrated) onProgress({ name: 'database', text: 'migrated', ms: Date.now() - began });

    this.#goOn();
    const stack: StackAddresses = {
      root: workspace.root,
      accessOf: infrastructure.accessOf,
      opsToken: opsToken(workspace),
      signingKeys: signingKeys(workspace),
      namedVariables,
      xmppLogin: xmpp && loginSettings(xmpp, OWN_JID, urls.prosody),
      gateway,
      ...development,
    };
    const services = serviceApps(workspace, stack, environment, replicas, this.#ports);
    const startedAt = Date.now();
    const login = ownLogin(environment, stack.xmppLogin);
    if (login?.isOfPerson) this.#options.onStep(stepOne(login));
    await this.#launch(services);
    return this.#waitUntilReady(startedAt, login);
  }

  /** Starts processes at once; an app that is not built is said and left out. */
  async #launch(launchables: readonly Launchable[]): Promise<void> {
    const { workspace, onNotice } = this.#options;
    const present = launchables.filter(({ name }) => {
      const built = existsSync(entryOf(workspace, name.replace(/-\d+$/, '')));
      if (!built) onNotice(`${name} is not built; going on without it`);
      return built;
    });
    const started = present.map(({ name, launch }) => {
      const app = new Supervised({ name, launch, onChange: this.#publish, onNotice });
      this.#apps.push(app);
      return app.start();
    });
    await Promise.all(started);
    this.#publish();
  }

  async #waitUntilReady(startedAt: number, login: OwnLogin | undefined): Promise<readonly string[]> {
    const waiting = new Map<string, string>(this.#apps.map(({ name }) => [name, 'it does not answer']));
    const since = (): number => Date.now() - startedAt;
    for (const limitMs = waitLimitMs(READY_LIMIT_MS, login); waiting.size > 0 && since() < limitMs;) {
      this.#goOn();
      const probes = this.#apps
        .filter(({ name }) => waiting.has(name))
        .map(async (app) => {
          const answer = app.current && (await ask(app.name, app.current.url));
          const ofLogin = OF_LOGIN.test(app.name) ? login : undefined;
          const verdict = judge(app.name, answer, app.ends, ofLogin, since());
          if (verdict.is === 'waiting') waiting.set(app.name, verdict.why);
          else if (waiting.delete(app.name)) this.#tellReady(app.name, verdict, since(), ofLogin);
        });
      await Promise.all(probes);
      if (waiting.size > 0) await sleep(50);
    }
    return [...waiting].map(([name, why]) => `${name} is not ready after ${Math.round(since() / 1_000)} s: ${why}`);
  }

  #tellReady(name: string, verdict: Verdict, ms: number, login: OwnLogin | undefined): void {
    const { onProgress, onStep } = this.#options;
    // A bridge without an account does nothing that anybody waits for.
    if (OF_LOGIN.test(name) && !login) return;
    onProgress({ name, text: verdict.is === 'ready' ? 'ready' : 'runs, without its login', ms });
    if (login && (login.isOfPerson || verdict.is !== 'ready')) onStep(stepTwo(verdict));
  }
}
