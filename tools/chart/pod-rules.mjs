// @ts-check

/*
 * What a namespace that enforces the restricted Pod Security Standard asks, and what the chart promises besides. Each rule
 * returns what is wrong.
 */

/** @typedef {{name: string, object: any, metadata: any, spec: any}} Pod */

/** @param {Pod} pod */
const containersOf = ({ spec }) => [...(spec.initContainers ?? []), ...spec.containers];

/** Volumes that the standard allows. */
const VOLUMES = new Set([
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'persistentVolumeClaim',
  'projected',
  'secret',
]);

/** The restricted standard. @param {Pod} pod @returns {string[]} */
export function notRestricted(pod) {
  const wrong = [];
  const { spec } = pod;
  for (const key of ['hostNetwork', 'hostPID', 'hostIPC']) if (spec[key]) wrong.push(key);
  for (const { name, ...volume } of spec.volumes ?? [])
    for (const kind of Object.keys(volume)) if (!VOLUMES.has(kind)) wrong.push(`volume ${name}: ${kind}`);
  for (const container of containersOf(pod)) {
    const own = container.securityContext ?? {};
    const said = (/** @type {string} */ key) => own[key] ?? spec.securityContext?.[key];
    const tell = (/** @type {string} */ what) => wrong.push(`${container.name}: ${what}`);
    if (said('runAsNonRoot') !== true) tell('runAsNonRoot');
    if (!(said('runAsUser') > 0)) tell('runAsUser is not a number above 0');
    if (said('seccompProfile')?.type !== 'RuntimeDefault') tell('seccompProfile');
    if (own.privileged) tell('privileged');
    if (own.allowPrivilegeEscalation !== false) tell('allowPrivilegeEscalation');
    if (own.capabilities?.drop?.join() !== 'ALL' || own.capabilities.add !== undefined) tell('capabilities');
    for (const { hostPort } of container.ports ?? []) if (hostPort !== undefined) tell('hostPort');
  }
  return wrong;
}

/** What the chart promises of every pod. @param {Pod} pod @returns {string[]} */
export function notPromised(pod) {
  const wrong = [];
  const { spec } = pod;
  if (spec.automountServiceAccountToken !== false) wrong.push('the token of its ServiceAccount is mounted');
  if (spec.enableServiceLinks !== false) wrong.push('enableServiceLinks');
  if (!spec.serviceAccountName || spec.serviceAccountName === 'default') wrong.push('no ServiceAccount of its own');
  for (const { name, emptyDir } of spec.volumes ?? [])
    if (emptyDir !== undefined && emptyDir.sizeLimit === undefined) wrong.push(`volume ${name} has no limit`);
  for (const container of containersOf(pod)) {
    if (container.securityContext?.readOnlyRootFilesystem !== true)
      wrong.push(`${container.name}: its root can be written`);
    if (!container.resources?.requests?.memory || !container.resources.limits?.memory)
      wrong.push(`${container.name}: no memory is asked`);
    if (/:latest$|^[^:@]+$/.test(container.image)) wrong.push(`${container.name}: its image has no version`);
    for (const { name, value = '' } of container.env ?? [])
      if (/(PASSWORD|SECRET|TOKEN|KEYS?|DATABASE_URL)$/.test(name) && value !== '')
        wrong.push(`${container.name}: ${name} is in clear text`);
  }
  return wrong;
}

/** Of a service: probes, and the time that it is given to end. @param {Pod} pod @param {Record<string, string>} config @returns {string[]} */
export function notOrderly({ spec }, config) {
  const wrong = [];
  const [main] = spec.containers;
  const paths = ['startupProbe', 'livenessProbe'].map((probe) => main[probe]?.httpGet?.path);
  if (paths.some((path) => path !== '/health')) wrong.push('start or liveness does not ask /health');
  if (main.livenessProbe.timeoutSeconds < 5) wrong.push('liveness has less than 5 s');
  if (main.readinessProbe.timeoutSeconds < 4) wrong.push('readiness has less than 4 s, and its checks take up to 3');
  if (main.startupProbe.periodSeconds * main.startupProbe.failureThreshold < 60)
    wrong.push('less than a minute to start');
  const port = main.ports.find(
    (/** @type {any} */ { name }) => name === main.readinessProbe.httpGet.port,
  )?.containerPort;
  if (
    String(port) !==
    (config['GATEWAY_PORT'] ?? config['OPS_PORT'] ?? config['DEV_MODEL_PORT'] ?? config['MOCK_A2A_PORT'])
  )
    wrong.push('probes ask another port than it listens on');
  const preStop = main.lifecycle?.preStop?.sleep?.seconds ?? 0;
  const needed = preStop + Number(config['DRAIN_TIMEOUT_MS'] ?? 0) / 1000 + 2;
  if (spec.terminationGracePeriodSeconds < needed)
    wrong.push(`${spec.terminationGracePeriodSeconds} s to end, and it may take ${needed}`);
  return wrong;
}
