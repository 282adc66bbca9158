import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parse } from 'yaml';
import { writeSecrets } from '../../infra/compose-secrets.mjs';

/*
 * What docker-compose.yml promises, read from the file: there is no Docker engine where the tests run.
 */

const read = (path) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const compose = parse(read('docker-compose.yml'), { merge: true });
const SERVICES = ['gateway', 'orchestrator', 'mcp-tool', 'a2a', 'audit', 'xmpp-bridge'];
const OWNERS = {
  orchestrator: 'switchyard_orchestrator',
  'mcp-tool': 'switchyard_mcp_tool',
  audit: 'switchyard_audit',
};
const containers = Object.entries(compose.services);
const secretsOf = ({ env_file: files = [] }) => files.filter((file) => typeof file === 'string');

describe('the Compose file', () => {
  it('publishes the gateway alone, on loopback', () => {
    const published = containers.flatMap(([name, { ports = [] }]) => ports.map((port) => [name, port]));
    assert.deepEqual(published, [['gateway', '127.0.0.1:${GATEWAY_PORT:-8000}:8000']]);
  });

  it('keeps the servers in a network that only the services share and that leads nowhere', () => {
    assert.deepEqual(compose.networks, { servers: { internal: true } });
    for (const name of ['nats', 'postgres', 'redis', 'prosody', 'migrate', 'database-logins'])
      assert.deepEqual(compose.services[name].networks, ['servers'], name);
    for (const name of ['dev-model', 'mock-a2a']) assert.deepEqual(compose.services[name].networks, ['default'], name);
  });

  it('names no password and no address with one: they come from the file of the container’s own', () => {
    const known = new Set([
      'OPENAI_API_KEY=${OPENAI_API_KEY:-dev}',
      'MOCK_WEATHER_TOOL_API_KEY=${MOCK_WEATHER_TOOL_API_KEY:-dev-weather-key}',
    ]);
    for (const [name, { environment = {}, env_file: files }] of containers) {
      const telling = Object.entries(environment)
        .map(([variable, value]) => `${variable}=${value}`)
        .filter(
          (line) =>
            /^[A-Z_]*(PASSWORD|SECRET|TOKEN|KEY|(NATS|DATABASE|REDIS)_URL)[A-Z_]*=|:\/\/[^/]*@/.test(line) &&
            !known.has(line),
        );
      assert.deepEqual(telling, [], name);
      assert.ok(
        secretsOf({ env_file: files }).every((file) => file === `infra/secrets/${name}.env`),
        name,
      );
    }
    for (const name of [...SERVICES, 'nats', 'redis', 'postgres', 'migrate', 'database-logins'])
      assert.deepEqual(secretsOf(compose.services[name]), [`infra/secrets/${name}.env`]);
  });

  it('takes every image by its digest, but for the XMPP server that only a profile starts', () => {
    for (const [name, { image, profiles, build }] of containers) {
      if (build !== undefined) continue;
      if (/@sha256:[0-9a-f]{64}\}$/.test(image)) continue;
      assert.deepEqual([name, profiles], ['prosody', ['xmpp']]);
    }
    const bases = read('infra/Dockerfile').match(/^(?:FROM|ARG NODE_IMAGE).*$/gm);
    assert.match(bases[0], /^ARG NODE_IMAGE=node:24-slim@sha256:[0-9a-f]{64}$/);
    for (const line of bases.slice(1)) assert.match(line, /^FROM (\$\{NODE_IMAGE\}|dependencies|build)/);
  });

  it('runs in images the version of Node.js that developers are told to have', () => {
    const [, version] = /^ARG NODE_IMAGE=node:(\d+)-/m.exec(read('infra/Dockerfile'));
    assert.equal(read('.nvmrc').trim(), version);
  });

  it('runs every app without rights, and installs without install scripts', () => {
    for (const name of [...SERVICES, 'dev-model', 'mock-a2a']) {
      const { read_only: readOnly, cap_drop: dropped, security_opt: options } = compose.services[name];
      assert.deepEqual([readOnly, dropped, options], [true, ['ALL'], ['no-new-privileges:true']], name);
    }
    for (const line of read('infra/Dockerfile').match(/npm ci[^\n]*/g)) assert.match(line, /--ignore-scripts/);
  });

  it('runs everything as a numeric user, which Kubernetes can tell from root', () => {
    for (const [, user] of read('infra/Dockerfile').matchAll(/^USER (.*)$/gm)) assert.match(user, /^\d+:\d+$/);
    assert.deepEqual([...read('infra/Dockerfile').matchAll(/^USER (.*)$/gm)].at(-1)[1], '10001:10001');
  });

  it('knows of every app whether it can work, in Compose and in the image', () => {
    for (const name of [...SERVICES, 'dev-model', 'mock-a2a'])
      assert.deepEqual(compose.services[name].healthcheck.test, ['CMD', 'node', 'healthcheck.mjs'], name);
    const images = read('infra/Dockerfile')
      .split(/^FROM /m)
      .filter((stage) => /^CMD /m.test(stage));
    assert.equal(images.length, 2);
    for (const stage of images) assert.match(stage, /^HEALTHCHECK /m);
  });

  it('installs before it sees a source, so that a change of one installs nothing anew', () => {
    const [, install] = /AS dependencies\n([\s\S]*?)\nFROM /.exec(read('infra/Dockerfile'));
    assert.doesNotMatch(install, /^COPY (?!--from=manifests)/m);
  });

  it('starts no service before the logins are there, and asks NATS for one', () => {
    for (const name of SERVICES)
      assert.equal(compose.services[name].depends_on['database-logins'].condition, 'service_completed_successfully');
    assert.match(read('infra/nats/nats.conf'), /^include \.\/permissions\.conf$/m);
    assert.doesNotMatch(read('infra/nats/nats.conf') + read('infra/nats/permissions.conf'), /no_auth_user/);
  });

  it('lets PostgreSQL have more sessions than the logins of the services may take together', async () => {
    const { DATABASE_ROLES, DATABASE_SESSIONS } = await import('../../libs/local-servers/dist/index.js');
    const { server, login } = DATABASE_SESSIONS;
    assert.deepEqual(compose.services.postgres.command, ['postgres', '-c', `max_connections=${server}`]);
    assert.ok(Object.keys(DATABASE_ROLES).length * login + 10 <= server);
  });

  it('publishes the servers in a file of its own, for those who run the services outside of Docker', () => {
    const { services } = parse(read('docker-compose.ports.yml'));
    assert.deepEqual(Object.keys(services), ['nats', 'postgres', 'redis', 'prosody']);
    for (const { ports } of Object.values(services)) assert.match(ports.join(), /^127\.0\.0\.1:/);
  });
});

describe('the logins of the Compose stack', () => {
  const folder = mkdtempSync(join(tmpdir(), 'switchyard-compose-'));
  const secrets = join(folder, 'secrets');
  const variablesOf = (container) =>
    Object.fromEntries(
      readFileSync(join(secrets, `${container}.env`), 'utf8')
        .trim()
        .split('\n')
        .map((line) => /^([A-Z0-9_]+)='([^']*)'$/.exec(line).slice(1)),
    );
  before(() => writeSecrets(secrets));
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('are readable by their owner only', () => {
    assert.equal(statSync(secrets).mode & 0o777, 0o700);
    for (const file of readdirSync(secrets)) assert.equal(statSync(join(secrets, file)).mode & 0o777, 0o600, file);
  });

  it('are made once: a second call keeps every password', async () => {
    const first = readFileSync(join(secrets, 'passwords.json'), 'utf8');
    await writeSecrets(secrets);
    assert.equal(readFileSync(join(secrets, 'passwords.json'), 'utf8'), first);
  });

  it('are those of a service alone: itself on NATS, its own role on PostgreSQL or nothing there', () => {
    const seen = new Map();
    for (const app of SERVICES) {
      const { NATS_URL: nats, DATABASE_URL: database, REDIS_URL: redis } = variablesOf(app);
      assert.equal(new URL(nats).username, app);
      assert.equal(database && new URL(database).username, OWNERS[app] && `${OWNERS[app]}_login`, app);
      assert.equal(
        redis && new URL(redis).username,
        ['gateway', 'orchestrator', 'mcp-tool'].includes(app) ? app : undefined,
      );
      for (const url of [nats, database, redis].filter(Boolean)) {
        const { password } = new URL(url);
        assert.ok(password.length >= 32 && !seen.has(password), `${app} shares a password with ${seen.get(password)}`);
        seen.set(password, app);
      }
    }
  });

  it('have the owner of the database in the containers that migrate and make logins, and in no service', () => {
    const { POSTGRES_PASSWORD: owner } = variablesOf('postgres');
    const holders = readdirSync(secrets).filter(
      (file) => file.endsWith('.env') && readFileSync(join(secrets, file), 'utf8').includes(owner),
    );
    assert.deepEqual(holders.sort(), ['database-logins.env', 'migrate.env', 'postgres.env']);
  });

  it('are a text to nats-server, also where a password looks like a number', () => {
    for (const password of Object.values(variablesOf('nats'))) assert.match(password, /^"[0-9a-f]{48}"$/);
  });

  it('give Redis digests, and no password', () => {
    const { REDIS_USERS: users } = variablesOf('redis');
    assert.equal(users.split(';')[0], 'user default off resetpass ~* &* +@all');
    for (const password of Object.values(JSON.parse(readFileSync(join(secrets, 'passwords.json'), 'utf8'))))
      assert.ok(!users.includes(password));
  });
});
