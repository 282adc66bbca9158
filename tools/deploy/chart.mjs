// @ts-check
import { parseAllDocuments } from 'yaml';
import { CHART, podsOf, VALUES, valuesFile } from '../chart/render.mjs';
import { apply, attempt, helmOf, kubectl, kubectlOf, run } from './commands.mjs';
import { namespace } from './servers.mjs';

/* Does a cluster take what the chart makes? Its API server judges every object, and every pod in a restricted namespace. */

const PLACE = 'switchyard-deploy-check';
const CRDS = ['monitoring.coreos.com/v1', 'keda.sh/v1alpha1', 'gateway.networking.k8s.io/v1'];

/** Groups that this cluster knows. */
export const apiGroups = () => new Set(kubectl('api-versions').split('\n'));

/** @param {string} name of a file of ci/ */
function rendered(name) {
  const apis = CRDS.flatMap((api) => ['--api-versions', api]);
  const text = run(helmOf('template', 'sy', CHART, '-f', valuesFile(name), '--namespace', PLACE, ...apis));
  return parseAllDocuments(text)
    .map((document) => document.toJS())
    .filter((object) => object !== null);
}

/**
 * As a Pod, with an account that is there and without a priority that this cluster may not have: the check of the namespace
 * looks at pods alone.
 * @param {any} pod
 * @param {number} at
 */
const asPod = ({ metadata, spec: { priorityClassName: _, ...spec } }, at) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: `pod-${at}`, namespace: PLACE, labels: metadata.labels, annotations: metadata.annotations },
  spec: { ...spec, serviceAccountName: 'default', restartPolicy: spec.restartPolicy ?? 'Always' },
});

/** @param {any[]} objects @param {string[]} args */
const tried = (objects, ...args) =>
  attempt(kubectlOf(...args, '--dry-run=server', '-f', '-'), {
    input: objects.map((object) => `---\n${JSON.stringify(object)}\n`).join(''),
  });

/** @param {(line: string) => void} say */
export async function accepted(say) {
  apply(JSON.stringify(namespace(PLACE)));
  try {
    for (let tries = 0; tries < 30 && !attempt(kubectlOf('-n', PLACE, 'get', 'sa', 'default')).ok; tries += 1)
      await new Promise((resolve) => setTimeout(resolve, 1_000));
    const known = apiGroups();
    for (const name of VALUES) {
      const all = rendered(name);
      // Pods of tests are looked at with the others below: their ServiceAccounts are not there yet.
      const objects = all.filter(({ apiVersion, kind }) => known.has(apiVersion) && kind !== 'Pod');
      const unknown = [...new Set(all.filter(({ apiVersion }) => !known.has(apiVersion)).map(({ kind }) => kind))];
      const { ok, said } = tried(objects, 'apply', '--server-side');
      if (!ok) throw new Error(`${name}: ${said.trim()}`);
      const warned = said.split('\n').filter((line) => /warning/i.test(line));
      if (warned.length > 0) throw new Error(`${name}: ${warned.join('\n')}`);
      const pods = podsOf(all).map(asPod);
      const admitted = tried(pods, 'create');
      if (!admitted.ok) throw new Error(`${name}: ${admitted.said.trim()}`);
      const left = unknown.length === 0 ? '' : `; skipped, this cluster does not know them: ${unknown.join(', ')}`;
      say(`${name}: ${objects.length} objects taken, ${pods.length} pods admitted${left}`);
    }
    await notices(known);
  } finally {
    kubectl('delete', 'namespace', PLACE, '--wait=false');
  }
}

/** That the judges judge: what is wrong is refused. @param {Set<string>} known */
async function notices(known) {
  const broken = rendered('small').find(({ kind }) => kind === 'Deployment');
  broken.spec.template.spec.containers[0].readinesProbe = {};
  if (tried([broken], 'apply', '--server-side').ok) throw new Error('a field that is no field was taken');
  const [pod] = podsOf(rendered('small')).map(asPod);
  pod.spec.securityContext.runAsNonRoot = false;
  if (tried([pod], 'create').ok) throw new Error('a pod that may run as root was admitted');
  const scaler = rendered('external').find(({ kind }) => kind === 'ScaledObject');
  if (known.has('keda.sh/v1alpha1')) {
    scaler.spec.maxReplicas = 3;
    if (tried([scaler], 'apply', '--server-side').ok) throw new Error('KEDA takes a field that is no field');
  }
}

/** Values that cannot be meant: one of each kind, and a part of the sentence. */
const REFUSED = [
  ['replica=3', /additional properties 'replica' not allowed/],
  ['services.audit.replicas="two"', /got string, want integer/],
  ['services.a2a.config={"RATE_LIMT":1}', /additional properties 'RATE_LIMT' not allowed/],
  ['identity.mode="dev"', /believes everybody/],
  ['bundled.enabled=true', /is for trying/],
  ['services.gateway.autoscaling.enabled=true', /needs autoscaling\.mode hpa or keda/],
];

/** @param {(line: string) => void} say */
export function refused(say) {
  for (const [set, sentence] of /** @type {[string, RegExp][]} */ (REFUSED)) {
    const args = ['install', 'sy-refused', CHART, '-f', valuesFile('small'), '--namespace', PLACE, '--set-json', set];
    const { ok, said } = attempt(helmOf(...args));
    if (ok || !sentence.test(said)) throw new Error(`--set ${set} was not refused with its sentence: ${said}`);
  }
  if (attempt(helmOf('status', 'sy-refused', '--namespace', PLACE)).ok) throw new Error('a refused release is there');
  say(`${REFUSED.length} kinds of values that cannot be meant: each refused with a sentence, nothing made`);
}
