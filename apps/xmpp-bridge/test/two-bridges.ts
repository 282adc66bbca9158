import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type InputOf, type OutputOf, xmppRequest } from '@switchyard/contracts';
import { type ProsodyServer, startProsody } from '@switchyard/local-servers';
import { carryOverXmpp, createSafeFetch, parseServiceMap } from '@switchyard/safe-fetch';
import type { LoginOptions } from '../src/login/login.ts';
import { Authority } from './certificates.ts';
import { CuttingProxy } from './cutting-proxy.ts';
import { echo, Organisation } from './organisation.ts';
import { RawPeer } from './raw-peer.ts';

const USERS = { ada: 'pw-ada', bob: 'pw-bob', raw: 'pw-raw', eve: 'pw-eve', gone: 'pw-gone' };
type User = keyof typeof USERS;
export const MAP = {
  'bob.example': 'bob@xmpp.test',
  'raw.example': 'raw@xmpp.test/r',
  'gone.example': 'gone@xmpp.test',
  'lib.example': 'aztm:eve@xmpp.test',
  'ours.example': 'eve@xmpp.test/ours',
};
export const RULE = { methods: ['GET', 'POST'], paths: ['/a2a*'], maxBodyKb: 10_240, perMinute: 100_000 };
export const POLICY = { 'ada@xmpp.test': RULE, 'raw@xmpp.test': RULE };
export const BOB = 'bob@xmpp.test/aztm';

type Request = InputOf<typeof xmppRequest>;
export const keyed = (key: string): Partial<Request> => ({ headers: [['idempotency-key', key]] });
export const failureOf = (asked: Promise<unknown>): Promise<unknown> => asked.catch((error: unknown) => error);

/**
 * Two organisations on one server: ada's, which only asks, and bob's, which answers; each reaches the server over a way
 * that can be cut. Beside them peers that say what a test wants.
 */
export class TwoBridges {
  readonly authority = new Authority();
  readonly dir = mkdtempSync(join(tmpdir(), 'switchyard-faults-'));
  readonly #policy = join(this.dir, 'policy.json');
  readonly #raws: RawPeer[] = [];
  prosody!: ProsodyServer;
  ada!: Organisation;
  bob!: Organisation;
  adaWay!: CuttingProxy;
  bobWay!: CuttingProxy;

  static async start(): Promise<TwoBridges> {
    const world = new TwoBridges();
    chmodSync(world.dir, 0o755);
    world.prosody = await world.startServer();
    world.putPolicy();
    [world.adaWay, world.bobWay] = await Promise.all([
      CuttingProxy.start(world.prosody.port),
      CuttingProxy.start(world.prosody.port),
    ]);
    const asking = { SERVICE_MAP: JSON.stringify(MAP), AZTM_SERVER_MODE: 'false' };
    world.bob = await world.#organisation('bob', world.bobWay, {});
    world.ada = await world.#organisation('ada', world.adaWay, asking);
    return world;
  }

  get caFile(): string {
    return join(this.authority.dir, 'ca.pem');
  }

  startServer(port?: number, strict?: { modules: string[]; config: string }): Promise<ProsodyServer> {
    return startProsody({
      dir: join(this.dir, strict ? 'strict' : 'prosody'),
      domain: 'xmpp.test',
      users: USERS,
      tls: this.authority.issue('xmpp.test'),
      ...strict,
      ...(port === undefined ? {} : { port }),
    });
  }

  async restartServer(): Promise<void> {
    const { port } = this.prosody;
    await this.prosody.stop();
    this.prosody = await this.startServer(port);
  }

  /** Who may call bob, and how. */
  putPolicy(policy: object = POLICY): void {
    writeFileSync(this.#policy, JSON.stringify(policy));
  }

  /** As each test finds it. */
  async ready(): Promise<void> {
    await Promise.all([this.ada.online(), this.bob.online()]);
    this.bob.answer = echo;
    this.bob.served.length = 0;
  }

  optionsOf(user: User, resource = 'r'): LoginOptions {
    return {
      jid: `${user}@xmpp.test`,
      password: USERS[user],
      resource,
      domain: 'xmpp.test',
      host: '127.0.0.1',
      port: this.prosody.port,
      tls: 'auto',
      validateCertificate: true,
      ca: this.authority.ca,
      fingerprint: undefined,
      allowPlain: false,
      channelBinding: 'off',
      timeoutMs: 20_000,
    };
  }

  /** Until `closePeers`. */
  async raw(user: User = 'raw', resource = 'r'): Promise<RawPeer> {
    const peer = await RawPeer.login(this.optionsOf(user, resource));
    this.#raws.push(peer);
    return peer;
  }

  closePeers(): void {
    for (const peer of this.#raws.splice(0)) peer.session.close();
  }

  /** Ada asks bob, where nothing else is said. */
  call(over: Partial<Request> = {}, timeoutMs = 30_000): Promise<OutputOf<typeof xmppRequest>> {
    const request = { host: 'bob.example', method: 'POST', resource: '/a2a', ...over };
    return this.ada.out.request(xmppRequest, request, { timeoutMs });
  }

  fetchOver(): typeof fetch {
    return createSafeFetch({
      serviceMap: parseServiceMap(JSON.stringify(MAP)),
      overXmpp: carryOverXmpp(this.ada.out),
      maxResponseBytes: 8 * 1_024 ** 2,
    });
  }

  /** How many answers ada dropped for this reason. */
  dropped(why: string): Promise<number> {
    return this.ada.metric('xmpp_replies_dropped_total', why);
  }

  async stop(): Promise<void> {
    await this.ada?.stop();
    await this.bob?.stop();
    await Promise.all([this.adaWay?.stop(), this.bobWay?.stop()]);
    await this.prosody?.stop();
    this.authority.remove();
    rmSync(this.dir, { recursive: true, force: true });
  }

  #organisation(user: 'ada' | 'bob', way: CuttingProxy, env: Record<string, string>): Promise<Organisation> {
    const { dir, caFile } = this;
    const account = `${user}@xmpp.test`;
    return Organisation.start({
      dir,
      caFile,
      account,
      port: way.port,
      env: { ...env, AZTM_PEER_POLICY: this.#policy },
    });
  }
}
