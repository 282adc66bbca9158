// @ts-check

/*
 * The schema of the chart's values. The shape is that of values.yaml: no key beside those, each of the kind of its
 * default. What a kind cannot say (choices, patterns, the settings of each service) is here.
 */

const text = { type: 'string' };
const texts = { type: 'array', items: text };
const count = { type: 'integer', minimum: 0 };
const free = { type: 'object' };
const strings = { type: 'object', additionalProperties: text };
const objects = { type: 'array', items: free };
const digest = { type: 'string', pattern: '^(sha256:[0-9a-f]{64})?$' };
const url = { type: 'string', pattern: '^(https?://.+)?$' };
const quantity = { type: 'string', pattern: '^[0-9]+(\\.[0-9]+)?([EPTGMk]i?|m)?$' };
const labels = { ...strings };
const networks = texts;
const to = {
  type: 'object',
  additionalProperties: false,
  properties: { peers: objects, ports: { type: 'array', items: { type: 'integer', minimum: 1, maximum: 65535 } } },
};

/** Path in values.yaml -> what is right there. `*` is any one key. @type {Record<string, object>} */
const SAID = {
  commonLabels: labels,
  environment: { enum: ['production', 'development'] },
  'identity.mode': { enum: ['jwt', 'edge', 'dev'] },
  'image.pullPolicy': { enum: ['Always', 'IfNotPresent', 'Never'] },
  'image.pullSecrets': texts,
  'model.baseUrl': url,
  publicUrl: url,
  'log.level': { enum: ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] },
  'tracing.endpoint': url,
  'logTree.accessMode': { enum: ['ReadWriteOnce', 'ReadWriteOncePod', 'ReadWriteMany'] },
  'logTree.size': quantity,
  'autoscaling.mode': { enum: ['none', 'hpa', 'keda'] },
  'autoscaling.prometheusAddress': url,
  'podDisruptionBudget.maxUnavailable': { type: 'integer', minimum: 1 },
  'migration.annotations': strings,
  'migration.resources': free,
  'migration.image.digest': digest,
  'migration.timeoutSeconds': { type: 'integer', minimum: 10 },
  'ingress.hosts': texts,
  'ingress.annotations': strings,
  'httpRoute.parentRefs': objects,
  'httpRoute.hostnames': texts,
  'httpRoute.annotations': strings,
  'networkPolicy.ingressFrom': objects,
  'networkPolicy.monitoringFrom': objects,
  'networkPolicy.dnsTo': objects,
  'networkPolicy.privateNetworks': networks,
  'networkPolicy.privateNetworksIPv6': networks,
  'networkPolicy.internetPorts': { type: 'array', items: { type: 'integer', minimum: 1, maximum: 65535 } },
  'networkPolicy.to.*': to,
  'monitoring.labels': labels,
  'monitoring.dashboardLabels': labels,
  'monitoring.interval': { type: 'string', pattern: '^[0-9]+(ms|s|m)$' },
  'bundled.resources': free,
  'bundled.persistence.size': quantity,
  extraObjects: { type: 'array', items: { type: ['object', 'string'] } },
};

/** The same for a service, below `defaults` and `services.<name>`. @type {Record<string, object>} */
const SAID_OF_SERVICE = {
  replicas: { type: 'integer', minimum: 1 },
  extraSecrets: texts,
  extraEnv: objects,
  drainTimeoutMs: { type: 'integer', minimum: 0, maximum: 60_000 },
  preStopSeconds: { type: 'integer', minimum: 0, maximum: 300 },
  resources: free,
  tmpSize: quantity,
  runAsUser: { type: 'integer', minimum: 1 },
  'image.digest': digest,
  'autoscaling.minReplicas': { type: 'integer', minimum: 1 },
  'autoscaling.maxReplicas': { type: 'integer', minimum: 1 },
  'autoscaling.target': { type: 'integer', minimum: 1 },
  ...Object.fromEntries(
    [
      'volumes',
      'volumeMounts',
      'initContainers',
      'sidecars',
      'tolerations',
      'hostAliases',
      'extraIngress',
      'extraEgress',
    ].map((key) => [key, objects]),
  ),
  ...Object.fromEntries(
    ['podAnnotations', 'podLabels', 'serviceAnnotations', 'serviceAccountAnnotations', 'nodeSelector'].map((key) => [
      key,
      strings,
    ]),
  ),
  affinity: free,
  spreadOver: texts,
};

/** Variables that belong into a Secret: those that the table names for one, of whatever service, and addresses with a login. */
const secretNames = (/** @type {Record<string, {secret?: string[], optional?: string[]}>} */ table) =>
  new Set([
    'MOCK_A2A_NATS_URL',
    ...Object.values(table).flatMap(({ secret = [], optional = [] }) => [...secret, ...optional]),
  ]);

/** The settings that may stand in values, of one app or of several. @param {any[]} configs @param {Set<string>} secrets */
function configSchema(configs, secrets) {
  const open = configs.flatMap(({ variables }) => variables).filter(({ variable }) => !secrets.has(variable));
  const properties = Object.fromEntries(
    open
      .map((v) => [v.variable, { type: ['string', 'integer', 'boolean', 'null'], description: v.description }])
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
  return { type: 'object', additionalProperties: false, properties };
}

/**
 * @param {unknown} value
 * @param {string[]} path
 * @param {Record<string, object>} said
 * @returns {object}
 */
function shapeOf(value, path, said) {
  const known = said[path.join('.')] ?? said[[...path.slice(0, -1), '*'].join('.')];
  if (known !== undefined) return known;
  if (typeof value === 'boolean') return { type: 'boolean' };
  if (typeof value === 'number') return count;
  if (typeof value === 'string') return text;
  if (value === null || typeof value !== 'object' || Array.isArray(value) || Object.keys(value).length === 0)
    throw new Error(`tools/gen/chart-schema.mjs does not say what ${path.join('.')} may be`);
  return {
    type: 'object',
    additionalProperties: false,
    properties: Object.fromEntries(Object.entries(value).map(([key, at]) => [key, shapeOf(at, [...path, key], said)])),
  };
}

/**
 * @param {Record<string, any>} values
 * @param {any[]} configs
 * @param {Record<string, {secret?: string[], optional?: string[]}>} table
 */
export function renderChartSchema(values, configs, table) {
  const secrets = secretNames(table);
  const { defaults, services, ...rest } = values;
  const serviceShape = (/** @type {any[]} */ own) =>
    shapeOf(defaults, [], { ...SAID_OF_SERVICE, config: configSchema(own, secrets) });
  const shape = /** @type {{properties: object}} */ (shapeOf(rest, [], SAID));
  const own = Object.keys(services).map((name) => [name, serviceShape(configs.filter(({ app }) => app === name))]);
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Values of the chart switchyard',
    ...shape,
    properties: {
      ...shape.properties,
      global: { type: 'object' },
      defaults: serviceShape(configs.filter(({ app }) => app in services)),
      services: { type: 'object', additionalProperties: false, properties: Object.fromEntries(own) },
    },
  };
}
