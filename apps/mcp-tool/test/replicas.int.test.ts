import { randomBytes, randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Bus, connectBus, type Service } from '@switchyard/bus';
import {
  callTool,
  decideQuarantine,
  listQuarantine,
  listTools,
  type Principal,
  revokeAuthorisation,
  type StepResult,
} from '@switchyard/contracts';
import { type Servers, startServers } from '@switchyard/local-servers';
import { createLogger, parseConfig, sleep } from '@switchyard/platform';
import { dialRedis } from '@switchyard/redis';
import { migrateDatabase, openStore, type Store } from '@switchyard/store';
import { until } from '@switchyard/testing';
import { Config, createMcpTool } from '../src/index.ts';
import { Vault } from '../src/oauth/vault.ts';
import { echo, type Fixture, startFixture } from './upstream-servers.ts';

/**
 * Two replicas on real NATS, PostgreSQL and Redis, which look for changes by themselves so seldom that whatever they
 * know of each other in a test they were told. A request reaches either of them: what is asked often enough is asked
 * of both.
 */

const log = createLogger({ app: 'test', level: 'silent' });
const ROOT: Principal = { tenantId: 'acme', userId: 'root', role: 'admin', via: 'dev' };
const person = (userId: string): Principal => ({ ...ROOT, userId, role: 'user' });
const ISSUER = 'http://127.0.0.1:9';
const KEY = randomBytes(32);
const OFTEN = 20;

let servers: Servers<'nats' | 'postgres' | 'redis'>;
let directory: string;
let store: Store;
let asker: Bus;
/** A third replica, which only tells what it did. */
let third: Bus;
const replicas: Service[] = [];
const fixtures: Fixture[] = [];

beforeAll(async () => {
  servers = await startServers(['nats', 'postgres', 'redis']);
  await migrateDatabase(servers.postgres.url);
  store = openStore({ url: servers.postgres.urlFor('mcp-tool'), app: 'mcp-tool' });
  directory = await mkdtemp(join(tmpdir(), 'replicas-test-'));
  const [own, shop, telling] = [
    await startFixture('modern'),
    await startFixture('legacy'),
    await startFixture('modern', [echo], { tells: true }),
  ];
  fixtures.push(own, shop, telling);
  const entry = (name: string, { url }: Fixture, more: string) =>
    `  ${name}: { url: "${url}", refresh_ms: 600000, ${more} }\n`;
  await writeFile(
    join(directory, 'upstreams.yaml'),
    `upstreams:\n${entry('own', own, 'auth: user, provider: mail, trust: trusted')}${entry('shop', shop, 'trust: untrusted')}` +
      entry('telling', telling, 'trust: trusted'),
  );
  const endpoints = { authorization: `${ISSUER}/a`, token: `${ISSUER}/t`, pkce: 'S256' };
  await writeFile(
    join(directory, 'providers.yaml'),
    `providers: { mail: { issuer: "${ISSUER}", client_id: test, endpoints: ${JSON.stringify(endpoints)} } }\n`,
  );
  const tool = (name: string) => `  - { name: ${name}, description: Mail., http: { url: "https://mail.example/" } }\n`;
  await mkdir(join(directory, 'tools'));
  await writeFile(join(directory, 'tools', 'mail.yaml'), `tools:\n${tool('send')}`);
  third = await connectBus({ ...servers.busOf('mcp-tool'), log });
  await third.ensureStreams();
  for (let count = 0; count < 2; count += 1) {
    const config = parseConfig(Config, {
      ...servers.accessOf('mcp-tool'),
      TOOLS_DIR: join(directory, 'tools'),
      TOOLS_RELOAD_MS: '600000',
      MCP_UPSTREAMS: join(directory, 'upstreams.yaml'),
      AUTH_PROVIDERS_FILE: join(directory, 'providers.yaml'),
      VAULT_KEYS: `k:${KEY.toString('base64')}`,
      EGRESS_ALLOW_HOSTS: '127.0.0.1',
    });
    if (!config.ok) throw new Error(JSON.stringify(config.problems));
    const made = createMcpTool(config.value, { log, handleSignals: false });
    await made.start();
    replicas.push(made);
  }
  asker = await connectBus({ ...servers.busOf('gateway'), log });
});
afterAll(async () => {
  await asker?.close();
  await third?.close();
  await Promise.all(replicas.map((replica) => replica.stop()));
  await Promise.all(fixtures.map((fixture) => fixture.close()));
  await store?.close();
  await servers?.stop();
  if (directory) await rm(directory, { recursive: true, force: true });
});

const names = async (principal: Principal): Promise<string[]> =>
  (await asker.request(listTools, { principal })).tools.map(({ name }) => name);
const call = (principal: Principal, tool: string): Promise<StepResult> =>
  asker.request(callTool, { principal, tool, arguments: { text: 'x' } });
/** What each of many requests in a row is answered, without repeats. */
async function always<T>(ask: () => Promise<T>): Promise<T[]> {
  const answers = new Set<string>();
  for (let count = 0; count < OFTEN; count += 1) answers.add(JSON.stringify(await ask()));
  return [...answers].map((text) => JSON.parse(text) as T);
}
const sees = (principal: Principal, tool: string) => always(async () => (await names(principal)).includes(tool));
const everywhere = (principal: Principal, tool: string, seen: boolean) =>
  until(async () => JSON.stringify(await sees(principal, tool)) === JSON.stringify([seen]), 60_000);

/** As the third replica does when a user comes back from the provider. */
async function connect({ tenantId, userId }: Principal): Promise<void> {
  const owner = { tenantId, userId, provider: 'mail' };
  const { sealed, kid } = await new Vault([{ kid: 'k', key: KEY }]).seal(owner, 'credential', {
    access_token: `token-of-${userId}`,
  });
  const connection = { ...owner, connectionId: randomUUID(), issuer: ISSUER, scopes: [], expiresAt: null, sealed, kid };
  await store.connections.save(connection);
  const data = { tenant_id: tenantId, user_id: userId, provider: 'mail', scopes: [] };
  await third.publishSystem({ type: 'tools.provider.connected', data });
}
const revoke = (principal: Principal) => asker.request(revokeAuthorisation, { principal, provider: 'mail' });

describe('what a user may list', () => {
  it('is kept in Redis for all replicas, and a revocation holds at each of them at once, for lists and calls', async () => {
    const redis = await dialRedis(servers.redis.url, { limitMs: 5_000, name: 'test' });
    let ann = person('ann');
    let keys: string[] = [];
    // A replica that Redis kept waiting again and again does not ask it for five seconds: then it is asked once more.
    for (let n = 1; keys.length < 2; n += 1) {
      expect(n).toBeLessThan(10);
      if (n > 1) await sleep(5_000);
      ann = person(`ann${n}`);
      expect(await sees(ann, 'mail__send')).toEqual([false]);
      await connect(ann);
      expect(await sees(ann, 'mail__send')).toEqual([true]);
      keys = (await redis.keys('*')).filter((key) => key.includes(`/acme/${ann.userId}/user/`)); // before and after
    }
    for (const key of keys) {
      expect(await redis.pttl(key)).toBeLessThanOrEqual(30_000);
      expect((await redis.get(key))!.length).toBeLessThan(100);
    }
    redis.disconnect();
    expect(await revoke(ann)).toMatchObject({ revoked: true });
    expect(await sees(ann, 'mail__send')).toEqual([false]);
    expect(await always(() => call(ann, 'mail__send'))).toMatchObject([{ code: 'tool_not_found' }]);
  });
});

describe('an upstream that knows users', () => {
  it('shows its tools to who authorised its provider, to nobody else, and no longer than that', async () => {
    const [eve, bob] = [person('eve'), person('bob')];
    expect(await sees(eve, 'mail__echo')).toEqual([false]);
    await connect(eve);
    await everywhere(eve, 'mail__echo', true);
    expect(await sees(bob, 'mail__echo')).toEqual([false]);
    expect(await always(() => call(bob, 'mail__echo'))).toMatchObject([{ code: 'tool_not_found' }]);
    expect(await call(eve, 'mail__echo')).toMatchObject({ status: 'succeeded' });
    const tokens = new Set(fixtures[0]!.requests.map(({ headers }) => headers.authorization));
    expect([...tokens]).toContain('Bearer token-of-eve');
    expect([...tokens].filter((token) => !/-of-(ann\d*|eve)$/.test(token ?? ''))).toEqual([]);
    await revoke(eve);
    expect(await sees(eve, 'mail__echo')).toEqual([false]);
    expect(await always(() => call(eve, 'mail__echo'))).toMatchObject([{ code: 'tool_not_found' }]);
  });
});

describe('the word of an admin about a definition', () => {
  it('is heard by every replica at once', async () => {
    const waiting = async () =>
      (await asker.request(listQuarantine, { principal: ROOT, limit: 100 })).tools.filter((t) => t.upstream === 'shop');
    await until(async () => (await waiting()).length === 1, 60_000);
    const [{ upstream, tool, hash }] = (await waiting()) as [Awaited<ReturnType<typeof waiting>>[number]];
    await asker.request(decideQuarantine, { principal: ROOT, upstream, tool, hash, verdict: 'approve' });
    await everywhere(person('dan'), 'shop__echo', true);
  });

  it('is asked for at every replica where an upstream says that it is another now; until then nobody calls it', async () => {
    const dan = person('dan');
    const [, , telling] = fixtures;
    await everywhere(dan, 'telling__echo', true);
    telling!.tools = [{ ...echo, description: 'Says something else.' }];
    await until(async () => {
      await telling!.tellChanged();
      return (await sees(dan, 'telling__echo')).every((seen) => !seen);
    }, 60_000);
    expect(await always(() => call(dan, 'telling__echo'))).toMatchObject([{ code: 'tool_not_found' }]);
  });
});

describe('the file of providers', () => {
  it('is in effect at every replica when it changes; one that is wrong changes nothing', async () => {
    const dan = person('dan');
    expect(await sees(dan, 'shop__echo')).toEqual([true]);
    const file = join(directory, 'providers.yaml');
    const before = await readFile(file, 'utf8');
    await writeFile(file, before.replace('{ mail:', `{ shop: { issuer: "${ISSUER}", client_id: test }, mail:`));
    await everywhere(dan, 'shop__echo', false);
    await writeFile(file, 'providers: { shop: { issuer: nowhere } }');
    await sleep(3_000);
    expect(await sees(dan, 'shop__echo')).toEqual([false]);
    await writeFile(file, before);
    await everywhere(dan, 'shop__echo', true);
  });
});

describe('without Redis', () => {
  it('lists and calls are right all the same, at once and after every change', async () => {
    await servers.redis.stop();
    const zoe = person('zoe');
    expect(await sees(zoe, 'mail__send')).toEqual([false]);
    await connect(zoe);
    expect(await sees(zoe, 'mail__send')).toEqual([true]);
    await revoke(zoe);
    expect(await sees(zoe, 'mail__send')).toEqual([false]);
    expect(await sees(zoe, 'calculator')).toEqual([true]);
  });
});
