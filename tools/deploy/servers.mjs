// @ts-check
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './commands.mjs';

/*
 * The servers that a production release expects in the cluster: NATS, PostgreSQL, Redis and a model in their own
 * namespace, as small as the trial needs. Not for use: one pod each, without a volume.
 */

const read = (/** @type {string} */ path) => readFileSync(join(ROOT, path), 'utf8');
/** The images that Compose names, or those of the environment. @param {string} variable */
const imageOf = (variable) =>
  process.env[variable] ?? new RegExp(`\\$\\{${variable}:-([^}]+)\\}`).exec(read('docker-compose.yml'))?.[1] ?? '';

/** @param {string} namespace @param {string} level */
export const namespace = (name, level = 'restricted') => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name, labels: { 'pod-security.kubernetes.io/enforce': level } },
});

const redisCommand = `umask 077
printf '%s' "$REDIS_USERS" | tr ';' '\\n' > /run/redis/users.acl
unset REDIS_USERS
exec redis-server --aclfile /run/redis/users.acl --appendonly yes --save ''`;

/** Name -> its container. @param {string} modelImage */
const containers = (modelImage) => ({
  nats: {
    user: 1000,
    port: 4222,
    image: imageOf('NATS_IMAGE'),
    args: ['-c', '/etc/nats/nats.conf'],
    folders: { '/data': {} },
    config: {
      '/etc/nats': {
        'nats.conf': read('infra/nats/nats.conf'),
        'permissions.conf': read('infra/nats/permissions.conf'),
      },
    },
  },
  postgres: {
    user: 70,
    port: 5432,
    image: imageOf('POSTGRES_IMAGE'),
    args: ['postgres', '-c', 'max_connections=200'],
    env: { POSTGRES_USER: 'switchyard', POSTGRES_DB: 'switchyard', PGDATA: '/var/lib/postgresql/data/pgdata' },
    folders: { '/var/lib/postgresql/data': {}, '/var/run/postgresql': {} },
    config: { '/docker-entrypoint-initdb.d': { 'init.sql': read('infra/postgres/init.sql') } },
  },
  redis: {
    user: 999,
    port: 6379,
    image: imageOf('REDIS_IMAGE'),
    command: ['sh', '-c', redisCommand],
    folders: { '/data': {}, '/run/redis': {} },
  },
  model: {
    user: 10001,
    port: 8002,
    image: modelImage,
    // Slow enough that pods are taken away while runs are under way.
    env: { DEV_MODEL_HOST: '0.0.0.0', DEV_MODEL_PORT: '8002', DEV_MODEL_DELAY_MS: '40', OPS_PORT: '9090' },
    folders: {},
  },
});

/** @param {string} where @param {string} name @param {any} server */
function objectsOf(where, name, { user, port, image, args, command, env = {}, folders, config = {} }) {
  const labels = { app: name };
  const metadata = { name, namespace: where, labels };
  const mounts = Object.keys({ '/tmp': {}, ...folders }).map((mountPath, at) => ({ name: `folder-${at}`, mountPath }));
  const [[configPath, data] = []] = Object.entries(config);
  return [
    ...(data ? [{ apiVersion: 'v1', kind: 'ConfigMap', metadata, data }] : []),
    { apiVersion: 'v1', kind: 'Service', metadata, spec: { selector: labels, ports: [{ port, name: 'main' }] } },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata,
      spec: {
        strategy: { type: 'Recreate' },
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: {
            automountServiceAccountToken: false,
            enableServiceLinks: false,
            securityContext: {
              runAsNonRoot: true,
              runAsUser: user,
              runAsGroup: user,
              fsGroup: user,
              seccompProfile: { type: 'RuntimeDefault' },
            },
            containers: [
              {
                name,
                image,
                imagePullPolicy: 'IfNotPresent',
                ...(args ? { args } : {}),
                ...(command ? { command } : {}),
                env: Object.entries(env).map(([variable, value]) => ({ name: variable, value })),
                ...(name === 'model' ? {} : { envFrom: [{ secretRef: { name: `sy-switchyard-${name}` } }] }),
                readinessProbe: { tcpSocket: { port }, periodSeconds: 2 },
                resources: { requests: { cpu: '50m', memory: '64Mi' }, limits: { memory: '512Mi' } },
                securityContext: {
                  allowPrivilegeEscalation: false,
                  readOnlyRootFilesystem: true,
                  capabilities: { drop: ['ALL'] },
                },
                volumeMounts: [...mounts, ...(data ? [{ name: 'config', mountPath: configPath, readOnly: true }] : [])],
              },
            ],
            volumes: [
              ...mounts.map((mount) => ({ name: mount.name, emptyDir: { sizeLimit: '1Gi' } })),
              ...(data ? [{ name: 'config', configMap: { name } }] : []),
            ],
          },
        },
      },
    },
  ];
}

/** All of them. @param {string} where @param {string} modelImage */
export const servers = (where, modelImage) =>
  Object.entries(containers(modelImage)).flatMap(([name, server]) => objectsOf(where, name, server));

const part = (/** @type {unknown} */ value) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A bearer token as the issuer of the values would sign it. @param {string} secret @param {string} user */
export function token(secret, user) {
  const exp = Math.floor(Date.now() / 1_000) + 6 * 3_600;
  const claims = { iss: 'https://login.example.com/', aud: 'authenticated', sub: user, exp };
  const body = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ ...claims, app_metadata: { tenant_id: 'deploy', role: 'user' } })}`;
  return `${body}.${createHmac('sha256', secret).update(body).digest('base64url')}`;
}

/** A Job beside the release that runs load.mjs. @param {string} where @param {string} name @param {string} image @param {Record<string, string>} env */
export const loadJob = (where, name, image, env) => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { name, namespace: where },
  spec: {
    backoffLimit: 0,
    template: {
      metadata: { labels: { app: 'load' } },
      spec: {
        automountServiceAccountToken: false,
        enableServiceLinks: false,
        restartPolicy: 'Never',
        securityContext: { runAsNonRoot: true, runAsUser: 10001, seccompProfile: { type: 'RuntimeDefault' } },
        containers: [
          {
            name: 'load',
            image,
            imagePullPolicy: 'IfNotPresent',
            command: ['node', '/load/load.mjs'],
            env: Object.entries(env).map(([variable, value]) => ({ name: variable, value })),
            resources: { requests: { cpu: '50m', memory: '96Mi' }, limits: { memory: '256Mi' } },
            securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
            volumeMounts: [{ name: 'load', mountPath: '/load', readOnly: true }],
          },
        ],
        volumes: [{ name: 'load', configMap: { name: 'load' } }],
      },
    },
  },
});

/** @param {string} where */
export const loadScript = (where) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'load', namespace: where },
  data: { 'load.mjs': read('tools/deploy/load.mjs') },
});
