// @ts-check
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CHART, valuesFile } from '../chart/render.mjs';
import { apiGroups } from './chart.mjs';
import { apply, attempt, helmOf, kubectl, kubectlOf, ROOT, run, runBeside, sleep } from './commands.mjs';
import { enforced, withoutEnforcement } from './policies.mjs';
import { anyReplica } from './replicas.mjs';
import { loadJob, loadScript, namespace, servers, token } from './servers.mjs';

/* A release with the values of production and two replicas of each service: installed, upgraded and shot at under load. */

const APP = 'switchyard-deploy-app';
const SERVERS = 'switchyard-deploy-servers';
const RELEASE = 'sy';
const GATEWAY = `http://sy-switchyard-gateway.${APP}:8000`;
const SERVICES = ['gateway', 'orchestrator', 'mcp-tool', 'a2a', 'audit'];
const PARTS = [...SERVICES, 'gateway', 'orchestrator'];
const seconds = (/** @type {number} */ since) => `${((Date.now() - since) / 1_000).toFixed(1)} s`;
const asText = (/** @type {any[]} */ objects) => objects.map((object) => `---\n${JSON.stringify(object)}\n`).join('');

/** What this cluster has no kinds or images for is left out, or is another. */
function ofThisCluster() {
  const known = apiGroups();
  return [
    ...(known.has('monitoring.coreos.com/v1')
      ? []
      : ['monitoring.podMonitor=false', 'monitoring.prometheusRule=false']),
    ...(known.has('gateway.networking.k8s.io/v1') ? [] : ['httpRoute.enabled=false']),
    ...(process.env['POSTGRES_IMAGE'] ? [`migration.logins.image=${process.env['POSTGRES_IMAGE']}`] : []),
  ].flatMap((set) => ['--set', set]);
}

/** @param {string} verb @param {string} tag @param {string[]} more */
const release = (verb, tag, ...more) =>
  helmOf(
    ...[verb, RELEASE, process.env['DEPLOY_CHART'] ?? CHART, '--namespace', APP, '-f', valuesFile('production')],
    ...['-f', join(ROOT, 'tools/deploy/values.yaml'), '--set', `image.tag=${tag}`, ...ofThisCluster()],
    ...['--wait', '--timeout', '15m', ...more],
  );

export const pods = () =>
  kubectl('-n', APP, 'get', 'pods', '-o', 'json', '-l', `app.kubernetes.io/instance=${RELEASE}`);

/** @param {(line: string) => void} say @param {string} tag of the images @param {string} secret */
function prepare(say, tag, secret) {
  const state = mkdtempSync(join(tmpdir(), 'switchyard-deploy-'));
  try {
    // What a call that was cut off left has other passwords.
    kubectl('delete', 'namespace', APP, SERVERS, '--ignore-not-found', '--timeout=300s');
    const at = Date.now();
    apply(asText([namespace(APP), namespace(SERVERS)]));
    const urls = ['nats', 'postgres', 'redis'].map((name) => {
      const [scheme, user, port, path] =
        {
          nats: ['nats', '', 4222, ''],
          postgres: ['postgresql', 'switchyard@', 5432, '/switchyard'],
          redis: ['redis', '', 6379, ''],
        }[name] ?? [];
      return [`--${name}`, `${scheme}://${user}${name}.${SERVERS}:${port}${path}`];
    });
    const secrets = run(
      ['infra/kubernetes-secrets', '--prefix', 'sy-switchyard', '--try', '--state', state, ...urls.flat()],
      {
        env: { JWT_HS256_SECRET: secret },
      },
    );
    for (const where of [APP, SERVERS]) apply(secrets, '-n', where);
    const stringData = { token: token(secret, 'helm-test') };
    apply(
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'helm-test-token', namespace: APP },
        stringData,
      }),
    );
    apply(asText([...servers(SERVERS, `switchyard-dev-model:${tag}`), loadScript(SERVERS)]));
    kubectl('-n', SERVERS, 'wait', 'deployment', '--all', '--for=condition=Available', '--timeout=300s');
    say(`NATS, PostgreSQL, Redis and a model: ${seconds(at)}`);
  } finally {
    rmSync(state, { recursive: true, force: true });
  }
}

/** Two replicas of each are ready, and none was started twice. */
function complete() {
  const { items } = JSON.parse(pods());
  for (const name of SERVICES) {
    const own = items.filter(
      (/** @type {any} */ { metadata }) => metadata.labels['app.kubernetes.io/component'] === name,
    );
    const ready = own.filter((/** @type {any} */ { status }) => status.containerStatuses?.[0]?.ready);
    if (ready.length < 2) return `${name} has ${ready.length} ready replicas`;
  }
  return undefined;
}

async function untilComplete(limitMs = 180_000) {
  for (const until = Date.now() + limitMs; ; await sleep(2_000)) {
    const lacks = complete();
    if (lacks === undefined) return;
    if (Date.now() > until) throw new Error(lacks);
  }
}

/** @param {(line: string) => void} say */
async function tested(say) {
  const at = Date.now();
  const said = await runBeside(helmOf('test', RELEASE, '--namespace', APP, '--logs', '--timeout', '5m'));
  if (!/holds: a run comes to an end/.test(said) || !/holds: it ends with the end of the run/.test(said))
    throw new Error(`helm test says something else: ${said}`);
  say(`helm test: ${seconds(at)}`);
}

/** Kills a pod at a time until it is told to stop; how many of which. @param {{over: boolean}} told */
async function shoot(told) {
  /** @type {Record<string, number>} */
  const shot = {};
  while (!told.over) {
    await sleep(7_000);
    const { items } = JSON.parse(pods());
    const name = PARTS[Math.floor(Math.random() * PARTS.length)] ?? '';
    const own = items.filter(
      (/** @type {any} */ { metadata, status }) =>
        metadata.labels['app.kubernetes.io/component'] === name && status.containerStatuses?.[0]?.ready,
    );
    // One of several: whether the last one may go is not the question here.
    if (own.length < 2 || told.over) continue;
    const victim = own[Math.floor(Math.random() * own.length)].metadata.name;
    if (attempt(kubectlOf('-n', APP, 'delete', 'pod', victim, '--grace-period=0', '--force', '--wait=false')).ok)
      shot[name] = (shot[name] ?? 0) + 1;
  }
  return (
    Object.entries(shot)
      .map(([name, times]) => `${times} ${name}`)
      .join(', ') || 'none'
  );
}

/**
 * Runs while something happens to the pods. Every run has to end once, every stream to go on.
 * @param {(line: string) => void} say
 * @param {{name: string, tag: string, secret: string, count: number, seconds: number}} load
 * @param {() => Promise<unknown>} happens
 */
async function underLoad(say, { name, tag, secret, count, seconds: long }, happens) {
  const at = Date.now();
  const env = {
    GATEWAY_URL: GATEWAY,
    TOKEN: token(secret, name),
    COUNT: String(count),
    SECONDS: String(long),
    LABEL: `${name}-${at}`,
  };
  apply(asText([loadJob(SERVERS, name, `switchyard-gateway:${tag}`, env)]));
  kubectl('-n', SERVERS, 'wait', 'pod', '-l', `job-name=${name}`, '--for=condition=Ready', '--timeout=120s');
  const what = await happens();
  for (const until = Date.now() + 900_000; Date.now() < until; await sleep(2_000)) {
    const { status } = JSON.parse(kubectl('-n', SERVERS, 'get', 'job', name, '-o', 'json'));
    if (status.succeeded || status.failed) break;
  }
  const said = kubectl('-n', SERVERS, 'logs', `job/${name}`, '--tail=60').trim().split('\n');
  kubectl('-n', SERVERS, 'delete', 'job', name, '--wait=false');
  const seen = JSON.parse(said.at(-1) ?? '{}');
  say(`${name}: ${what ?? ''} ${JSON.stringify({ ...seen, wrong: seen.wrong?.length })}`);
  for (const line of said.slice(0, -1).filter(Boolean)) say(`  ${line}`);
  if (seen.wrong?.length !== 0) throw new Error(`${name}: ${seen.wrong?.slice(0, 10).join('; ')}`);
  return seen;
}

/** @param {(line: string) => void} say @param {{previous: string, current: string}} tags */
export async function whole(say, { previous, current }) {
  const secret = randomBytes(24).toString('hex');
  try {
    prepare(say, current, secret);
    let at = Date.now();
    await runBeside(release('install', current));
    await untilComplete();
    say(`helm install --wait, two replicas of each service: ${seconds(at)}`);
    await tested(say);
    anyReplica(say, SERVERS, GATEWAY, token(secret, 'replicas'));
    const load = { tag: current, secret, count: 60, seconds: 60 };
    for (const name of SERVICES) {
      const seen = await underLoad(say, { ...load, name: `restart-${name}` }, async () => {
        at = Date.now();
        kubectl('-n', APP, 'rollout', 'restart', `deployment/sy-switchyard-${name}`);
        kubectl('-n', APP, 'rollout', 'status', `deployment/sy-switchyard-${name}`, '--timeout=300s');
        return `rolled in ${seconds(at)};`;
      });
      if (seen.refused + seen.broken > 0)
        throw new Error(`a rolling restart of ${name} was seen by ${seen.refused + seen.broken} requests`);
    }
    const unenforced = withoutEnforcement();
    if (unenforced !== undefined) say(`policies: skipped: ${unenforced}`);
    else
      await enforced(say, APP, SERVERS, () =>
        underLoad(say, { ...load, name: 'policies', count: 30, seconds: 30 }, async () => ''),
      );
    await runBeside(release('upgrade', previous));
    await untilComplete();
    await underLoad(say, { ...load, name: 'upgrade', count: 200, seconds: 240 }, async () => {
      const told = { over: false };
      const shots = shoot(told);
      at = Date.now();
      await runBeside(release('upgrade', current));
      const up = seconds(at);
      at = Date.now();
      await runBeside(helmOf('rollback', RELEASE, '--namespace', APP, '--wait', '--timeout', '15m')).finally(
        () => (told.over = true),
      );
      return `${previous} -> ${current} in ${up}, back in ${seconds(at)}, killed meanwhile: ${await shots};`;
    });
    await untilComplete();
    at = Date.now();
    await runBeside(release('upgrade', current));
    say(`an upgrade at rest: ${seconds(at)}`);
    await tested(say);
    await gone(say);
  } finally {
    if (process.env['DEPLOY_KEEP'] !== 'true') {
      attempt(helmOf('uninstall', RELEASE, '--namespace', APP));
      attempt(kubectlOf('delete', 'namespace', APP, SERVERS, '--wait=false'));
    }
  }
}

/** @param {(line: string) => void} say */
async function gone(say) {
  const at = Date.now();
  await runBeside(helmOf('uninstall', RELEASE, '--namespace', APP, '--wait', '--timeout', '5m'));
  // Helm keeps pods of tests for their logs, also without the release.
  kubectl('-n', APP, 'delete', 'pod', '-l', `app.kubernetes.io/instance=${RELEASE},app.kubernetes.io/component=test`);
  const kinds =
    'all,configmap,serviceaccount,networkpolicy,poddisruptionbudget,horizontalpodautoscaler,persistentvolumeclaim,ingress';
  for (const until = Date.now() + 90_000; ; await sleep(2_000)) {
    const left = kubectl('-n', APP, 'get', kinds, '-o', 'name', '-l', `app.kubernetes.io/instance=${RELEASE}`).trim();
    if (left === '') break;
    if (Date.now() > until) throw new Error(`uninstall left: ${left.replaceAll('\n', ', ')}`);
  }
  say(`helm uninstall leaves nothing: ${seconds(at)}`);
}
