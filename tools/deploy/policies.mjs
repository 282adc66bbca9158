// @ts-check
import { attempt, kubectl, kubectlOf, run, sleep } from './commands.mjs';

/*
 * NetworkPolicies as rules of nftables, for a cluster that takes the objects and enforces nothing (a node without a policy
 * engine). Of the API it reads what the chart uses: peers by podSelector, namespaceSelector and ipBlock, ports by number.
 * It is a picture of one moment: pods that come later are not in it.
 */

/** @param {any} selector @param {Record<string, string>} labels */
function selects(selector, labels = {}) {
  const { matchLabels = {}, matchExpressions = [] } = selector ?? {};
  if (matchExpressions.length > 0) throw new Error('matchExpressions are not known here');
  return Object.entries(matchLabels).every(([key, value]) => labels[key] === value);
}

/** @typedef {{namespace: string, labels: Record<string, string>, ip: string}} Place */

/** Addresses that a peer means. @param {any} peer @param {string} own @param {Place[]} pods @param {Map<string, any>} spaces */
function addresses(peer, own, pods, spaces) {
  if (peer.ipBlock !== undefined) {
    if (peer.ipBlock.cidr.includes(':')) return [];
    return [{ cidr: peer.ipBlock.cidr, except: peer.ipBlock.except ?? [] }];
  }
  return pods
    .filter(({ namespace, labels }) => {
      const there =
        peer.namespaceSelector === undefined
          ? namespace === own
          : selects(peer.namespaceSelector, spaces.get(namespace));
      return there && (peer.podSelector === undefined || selects(peer.podSelector, labels));
    })
    .map(({ ip }) => ({ cidr: ip, except: [] }));
}

/** @param {any[]} rules @param {'from' | 'to'} key @param {string} own @param {Place[]} pods @param {Map<string, any>} spaces */
function lines(rules, key, own, pods, spaces) {
  const side = key === 'from' ? 'saddr' : 'daddr';
  return rules.flatMap((rule) => {
    const ports = (rule.ports ?? [{}]).map((/** @type {any} */ { port, protocol = 'TCP' }) =>
      port === undefined ? '' : `${protocol.toLowerCase()} dport ${port} `,
    );
    if (rule[key] === undefined) return ports.map((/** @type {string} */ port) => `${port}return`);
    return rule[key]
      .flatMap((/** @type {any} */ peer) => addresses(peer, own, pods, spaces))
      .flatMap((/** @type {{cidr: string, except: string[]}} */ { cidr, except }) => {
        const but = except.length === 0 ? '' : `ip ${side} != { ${except.join(', ')} } `;
        return ports.map((/** @type {string} */ port) => `ip ${side} ${cidr} ${but}${port}return`);
      });
  });
}

/** The rules of this moment, for `nft -f -`. */
export function ruleset() {
  /** @param {string} kind */
  const all = (kind) => JSON.parse(kubectl('get', kind, '-A', '-o', 'json')).items;
  const spaces = new Map(all('namespaces').map((/** @type {any} */ { metadata }) => [metadata.name, metadata.labels]));
  /** @type {Place[]} */
  const pods = all('pods')
    .filter((/** @type {any} */ { status }) => status.podIP && status.phase === 'Running')
    .map((/** @type {any} */ { metadata, status }) => ({ ...metadata, ip: status.podIP }));
  const policies = all('networkpolicies');
  /** @type {string[]} */
  const chains = [];
  /** @type {string[]} */
  const jumps = [];
  for (const [direction, key, side] of /** @type {const} */ ([
    ['Egress', 'to', 'saddr'],
    ['Ingress', 'from', 'daddr'],
  ]))
    for (const { namespace, labels, ip } of pods) {
      const about = policies.filter(
        (/** @type {any} */ { metadata, spec }) =>
          metadata.namespace === namespace && spec.policyTypes.includes(direction) && selects(spec.podSelector, labels),
      );
      if (about.length === 0) continue;
      const name = `${direction}_${ip.replaceAll('.', '_')}`;
      const rules = about.flatMap((/** @type {any} */ { spec }) => spec[direction.toLowerCase()] ?? []);
      const own = [...new Set(lines(rules, key, namespace, pods, spaces))];
      chains.push(`  chain ${name} {\n${[...own, 'reject'].map((line) => `    ${line}\n`).join('')}  }`);
      jumps.push(`    ip ${side} ${ip} jump ${name}`);
    }
  const hooks = ['forward', 'input'].map(
    (hook) =>
      `  chain ${hook} {\n    type filter hook ${hook} priority 10; policy accept;\n    ct state established,related accept\n${jumps.join('\n')}\n  }`,
  );
  return `table inet policies\ndelete table inet policies\ntable inet policies {\n${[...chains, ...hooks].join('\n')}\n}\n`;
}

/** Everything through again. */
export const NO_RULES = 'table inet policies\ndelete table inet policies\n';

const words = () => (process.env['DEPLOY_NFT'] ?? '').split(/\s+/).filter(Boolean);

/** Why policies cannot be enforced here by us; undefined: they can. */
export const withoutEnforcement = () =>
  words().length > 0
    ? undefined
    : 'no DEPLOY_NFT; where the cluster has a policy engine, all of the above ran under it';

/** Whether a pod reaches an address. @param {string} namespace @param {string} pod @param {string} address */
function reaches(namespace, pod, address) {
  const [host, port] = address.split(':');
  const program = `const s=require('net').connect(${port},'${host}');s.setTimeout(3000,()=>process.exit(1));s.on('error',()=>process.exit(1));s.on('connect',()=>process.exit(0))`;
  return attempt(kubectlOf('-n', namespace, 'exec', pod, '--', 'node', '-e', program)).ok;
}

/**
 * While something happens, the policies hold. Then single connections are tried: some that the table has, some that it has not.
 * @param {(line: string) => void} say
 * @param {string} app namespace of the release
 * @param {string} servers namespace beside it
 * @param {() => Promise<unknown>} happens
 */
export async function enforced(say, app, servers, happens) {
  let over = false;
  const nft = (/** @type {string} */ input) => run(words(), { input });
  const kept = (async () => {
    for (; !over; await sleep(1_000)) nft(ruleset());
  })();
  try {
    nft(ruleset());
    await happens();
    /** @type {any[]} */
    const pods = JSON.parse(kubectl('get', 'pods', '-A', '-o', 'json')).items;
    const one = (/** @type {string} */ label, /** @type {string} */ value) =>
      pods.find(({ metadata, status }) => metadata.labels?.[label] === value && status.phase === 'Running');
    const part = (/** @type {string} */ name) => one('app.kubernetes.io/component', name);
    const server = (/** @type {string} */ name) => one('app', name);
    const at = (/** @type {any} */ pod, /** @type {number} */ port) => `${pod.status.podIP}:${port}`;
    /** @type {[string, any, string, boolean][]} */
    const tries = [
      ['gateway to NATS', part('gateway'), at(server('nats'), 4222), true],
      ['gateway to PostgreSQL', part('gateway'), at(server('postgres'), 5432), false],
      ['orchestrator to PostgreSQL', part('orchestrator'), at(server('postgres'), 5432), true],
      ['orchestrator to the model', part('orchestrator'), at(server('model'), 8002), true],
      ['a2a to Redis', part('a2a'), at(server('redis'), 6379), false],
      ['a2a to the model', part('a2a'), at(server('model'), 8002), false],
      ['audit to PostgreSQL', part('audit'), at(server('postgres'), 5432), true],
      ['audit to Redis', part('audit'), at(server('redis'), 6379), false],
      ['orchestrator to the gateway', part('orchestrator'), at(part('gateway'), 8000), false],
      ['a client to the gateway', server('model'), at(part('gateway'), 8000), true],
      ['a client to the metrics of the gateway', server('model'), at(part('gateway'), 9090), false],
      ['a client to the orchestrator', server('model'), at(part('orchestrator'), 9090), false],
    ];
    const wrong = tries.filter(
      ([, pod, address, may]) => reaches(pod.metadata.namespace, pod.metadata.name, address) !== may,
    );
    if (wrong.length > 0)
      throw new Error(`policies: ${wrong.map(([what, , , may]) => `${what}: not ${may}`).join(', ')}`);
    say(`policies enforced: runs and streams end; ${tries.length} connections tried, each as the table says`);
  } finally {
    over = true;
    await kept.catch(() => undefined);
    nft(NO_RULES);
  }
}
