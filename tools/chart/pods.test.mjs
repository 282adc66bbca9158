import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parse } from 'yaml';
import { asSecrets, secretVariables } from '../../infra/kubernetes-secrets.mjs';
import { notOrderly, notPromised, notRestricted } from './pod-rules.mjs';
import { CHART, missing, objects, podsOf, VALUES } from './render.mjs';

const TABLE = parse(readFileSync(join(CHART, 'files/services.yaml'), 'utf8'));
const componentOf = ({ metadata }) => metadata.labels['app.kubernetes.io/component'];
const configOf = (all, component) =>
  all.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name.endsWith(`-${component}`))?.data ?? {};
const servicesOf = (all) => podsOf(all).filter((pod) => pod.object.kind === 'Deployment');

/** App -> its variables, as its own schema describes them. */
async function variablesOf(app) {
  const { describeConfig, configPrefixes } = await import('../../libs/platform/dist/index.js');
  const { Config } = await import(`../../apps/${app}/dist/config.js`);
  return { variables: describeConfig(Config), prefixes: configPrefixes(Config) };
}

describe('pods of the chart', { skip: missing }, () => {
  for (const name of VALUES) {
    it(`are what the restricted standard lets in, and keep what the chart promises (${name})`, () => {
      const pods = podsOf(objects(name));
      assert.ok(pods.length >= 8);
      for (const pod of pods) assert.deepEqual([...notRestricted(pod), ...notPromised(pod)], [], pod.name);
    });

    it(`have the time that they need to end, and a liveness that asks no dependency (${name})`, () => {
      const all = objects(name);
      for (const pod of servicesOf(all))
        assert.deepEqual(notOrderly(pod, configOf(all, componentOf(pod))), [], pod.name);
    });

    it(`use ServiceAccounts that are there and hold no token (${name})`, () => {
      const accounts = new Map(
        objects(name)
          .filter(({ kind }) => kind === 'ServiceAccount')
          .map((account) => [account.metadata.name, account]),
      );
      for (const { spec, name: pod } of podsOf(objects(name)))
        assert.equal(accounts.get(spec.serviceAccountName)?.automountServiceAccountToken, false, pod);
    });

    it(`get variables that their service has, and every one that it needs (${name})`, async () => {
      const all = objects(name);
      for (const pod of servicesOf(all)) {
        const component = componentOf(pod);
        const { variables, prefixes } = await variablesOf(component);
        const known = new Set(variables.map(({ variable }) => variable));
        const { secret = [], optional = [] } = TABLE[component];
        const extra = (pod.spec.containers[0].env ?? []).map((variable) => variable.name);
        const given = [...Object.keys(configOf(all, component)), ...secret, ...extra];
        for (const variable of [...given, ...optional])
          assert.ok(
            known.has(variable) || prefixes.some((prefix) => variable.startsWith(prefix)),
            `${component} has no ${variable}`,
          );
        for (const { variable, required } of variables)
          if (required) assert.ok(given.includes(variable), `${component} needs ${variable}`);
      }
    });
  }

  it('would be found out: each rule notices a pod that breaks it', () => {
    const [pod] = servicesOf(objects('small'));
    const broken = (change) => {
      const copy = structuredClone(pod);
      change(copy.spec, copy.spec.containers[0]);
      return [
        ...notRestricted(copy),
        ...notPromised(copy),
        ...notOrderly(copy, configOf(objects('small'), componentOf(pod))),
      ].length;
    };
    for (const change of [
      (spec) => delete spec.securityContext.runAsUser,
      (spec) => (spec.securityContext.runAsNonRoot = false),
      (spec) => delete spec.securityContext.seccompProfile,
      (spec) => (spec.hostNetwork = true),
      (spec) => spec.volumes.push({ name: 'host', hostPath: { path: '/' } }),
      (_, main) => delete main.securityContext.capabilities,
      (_, main) => (main.securityContext.allowPrivilegeEscalation = true),
      (_, main) => (main.securityContext.readOnlyRootFilesystem = false),
      (spec) => delete spec.automountServiceAccountToken,
      (spec) => (spec.enableServiceLinks = true),
      (_, main) => (main.livenessProbe.httpGet.path = '/readiness'),
      (_, main) => (main.readinessProbe.timeoutSeconds = 1),
      (spec) => (spec.terminationGracePeriodSeconds = 5),
      (_, main) => (main.image = 'switchyard-a2a:latest'),
    ])
      assert.ok(broken(change) > 0, String(change));
    assert.equal(
      broken(() => undefined),
      0,
    );
  });

  it('end later where the drain is longer', () => {
    const graceOf = (sets) =>
      servicesOf(objects('small', sets)).find((pod) => componentOf(pod) === 'gateway').spec
        .terminationGracePeriodSeconds;
    assert.deepEqual([graceOf([]), graceOf(['services.gateway.drainTimeoutMs=60000'])], [30, 72]);
  });

  it('name no variable twice, in settings and in a Secret', () => {
    for (const name of VALUES)
      for (const pod of servicesOf(objects(name))) {
        const { secret = [], optional = [] } = TABLE[componentOf(pod)];
        for (const variable of Object.keys(configOf(objects(name), componentOf(pod))))
          assert.ok(![...secret, ...optional].includes(variable), variable);
      }
  });
});

describe('the table of Secrets', () => {
  const state = mkdtempSync(join(tmpdir(), 'switchyard-secrets-'));
  const options = { prefix: 'sy', state, env: { OPENAI_API_KEY: 'sk-1', TOOL_SECRET_CRM: 'crm', HOME: '/root' } };
  let variables;
  before(async () => (variables = await secretVariables(options)));
  after(() => rmSync(state, { recursive: true, force: true }));

  it('is what infra/kubernetes-secrets makes for each service, and nothing else', () => {
    for (const [component, { secret, optional = [] }] of Object.entries(TABLE)) {
      if (secret === undefined) continue;
      const made = Object.keys(variables[component]);
      for (const name of secret) assert.ok(made.includes(name), `${component}: ${name}`);
      for (const name of made)
        assert.ok(
          [...secret, ...optional].some(
            (known) => known === name || (known.endsWith('*') && name.startsWith(known.slice(0, -1))),
          ),
          `${component}: ${name}`,
        );
    }
  });

  it('keeps apart what is given: a key reaches the service that needs it, and no other', () => {
    const holders = Object.entries(variables)
      .filter(([, own]) => Object.values(own).includes('sk-1'))
      .map(([component]) => component);
    assert.deepEqual(holders, ['orchestrator']);
    assert.equal(variables['mcp-tool'].TOOL_SECRET_CRM, 'crm');
    assert.equal(
      Object.values(variables).some((own) => 'HOME' in own),
      false,
    );
  });

  it('is the same in a second call, and takes a password of the owner that there is', async () => {
    assert.deepEqual(await secretVariables(options), variables);
    const own = await secretVariables({
      ...options,
      postgres: 'postgresql://boss@db:6432/tasks?sslmode=require',
      env: { POSTGRES_OWNER_PASSWORD: 'p' },
    });
    assert.equal(own.migrate.DATABASE_URL, 'postgresql://boss:p@db:6432/tasks?sslmode=require');
    const { PGHOST, PGPORT, PGUSER, PGDATABASE, PGPASSWORD, PGSSLMODE } = own['database-logins'];
    assert.deepEqual(
      [PGHOST, PGPORT, PGUSER, PGDATABASE, PGPASSWORD, PGSSLMODE],
      ['db', '6432', 'boss', 'tasks', 'p', 'require'],
    );
  });

  it('names several servers to each that knows them, with the login of each service', async () => {
    const own = await secretVariables({
      ...options,
      nats: 'tls://one:4222,tls://two:4222',
      postgres: 'postgresql://boss@one:6432,two/tasks?sslmode=require',
      redis: 'rediss-sentinel://one:26379,two:26379/0#main',
      env: { POSTGRES_OWNER_PASSWORD: 'p' },
    });
    assert.equal(own.migrate.DATABASE_URL, 'postgresql://boss:p@one:6432,two/tasks?sslmode=require');
    assert.match(
      own.audit.DATABASE_URL,
      /^postgresql:\/\/switchyard_audit_login:[^@]+@one:6432,two\/tasks\?sslmode=require$/,
    );
    assert.match(own.gateway.NATS_URL, /^tls:\/\/gateway:[^@]+@one:4222,tls:\/\/two:4222$/);
    assert.match(own.gateway.REDIS_URL, /^rediss-sentinel:\/\/gateway:[^@]+@one:26379,two:26379\/0#main$/);
    const { PGHOST, PGPORT, PGUSER, PGDATABASE, PGTARGETSESSIONATTRS } = own['database-logins'];
    assert.deepEqual(
      [PGHOST, PGPORT, PGUSER, PGDATABASE, PGTARGETSESSIONATTRS],
      ['one,two', '6432,5432', 'boss', 'tasks', 'read-write'],
    );
  });

  it('becomes one Secret for each, by the names that the chart asks for', () => {
    assert.ok(
      asSecrets('sy', variables).every(
        ({ metadata, stringData }) =>
          metadata.name.startsWith('sy-') && Object.values(stringData).every((value) => typeof value === 'string'),
      ),
    );
    const names = new Set(asSecrets('sy-switchyard', variables).map(({ metadata }) => metadata.name));
    if (missing) return;
    for (const { spec } of podsOf(objects('bundled')))
      for (const { secretRef } of [...(spec.initContainers ?? []), ...spec.containers].flatMap(
        ({ envFrom = [] }) => envFrom,
      ))
        if (secretRef !== undefined) assert.ok(names.has(secretRef.name), secretRef.name);
  });

  it('names every variable that looks like a secret, so that none can stand in values', async () => {
    const secrets = new Set(Object.values(TABLE).flatMap(({ secret = [], optional = [] }) => [...secret, ...optional]));
    for (const component of Object.keys(TABLE))
      for (const { variable } of (await variablesOf(component)).variables)
        if (/(_KEYS?|PASSWORD|SECRET|OPS_TOKEN|^(NATS|DATABASE|REDIS)_URL)$/.test(variable))
          assert.ok(secrets.has(variable), variable);
  });
});
