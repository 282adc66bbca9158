// @ts-check

/*
 * Who may connect to whom, by rendered NetworkPolicies, as Kubernetes reads them: a connection within the release needs the
 * egress of one side and the ingress of the other; one over its border needs one of the two.
 */

/** @param {any} selector @param {Record<string, string>} labels */
const selects = (selector, labels) =>
  Object.entries(selector?.matchLabels ?? {}).every(([key, value]) => labels[key] === value);

/**
 * Rules of one direction that hold for a pod; undefined: no policy is about it, so everything is allowed.
 * @param {any[]} policies
 * @param {Record<string, string>} labels
 * @param {'Ingress' | 'Egress'} direction
 */
function rulesFor(policies, labels, direction) {
  const about = policies.filter(
    ({ spec }) => spec.policyTypes.includes(direction) && selects(spec.podSelector, labels),
  );
  if (about.length === 0) return undefined;
  return about.flatMap(({ spec }) => spec[direction.toLowerCase()] ?? []);
}

/** @param {any} rule @param {number} port @param {string} protocol */
const opens = (rule, port, protocol) =>
  rule.ports === undefined || rule.ports.some((/** @type {any} */ at) => at.port === port && at.protocol === protocol);

/**
 * Far ends that are no pods of the release: a pod of another namespace, an address of the internet, a private address.
 * @typedef {{pod: Record<string, string>} | {elsewhere: 'namespace' | 'internet' | 'private'}} End
 */

/** @param {any} peer @param {End} end */
function matches(peer, end) {
  if ('pod' in end) return peer.podSelector !== undefined && selects(peer.podSelector, end.pod);
  if (end.elsewhere === 'namespace') return peer.namespaceSelector !== undefined;
  // Addresses of IPv4 are what is tried here.
  if (peer.ipBlock === undefined || peer.ipBlock.cidr.includes(':')) return false;
  const any = peer.ipBlock.cidr === '0.0.0.0/0';
  return end.elsewhere === 'internet' ? any : !any || !(peer.ipBlock.except ?? []).includes('10.0.0.0/8');
}

/** @param {any[]} rules @param {'from' | 'to'} key @param {End} end @param {number} port @param {string} protocol */
const allowed = (rules, key, end, port, protocol) =>
  rules.some(
    (rule) =>
      opens(rule, port, protocol) &&
      (rule[key] === undefined || rule[key].some((/** @type {any} */ peer) => matches(peer, end))),
  );

/**
 * @param {any[]} policies
 * @param {End} from
 * @param {End} to
 * @param {number} port
 */
export function mayConnect(policies, from, to, port, protocol = 'TCP') {
  const out = 'pod' in from ? rulesFor(policies, from.pod, 'Egress') : undefined;
  const into = 'pod' in to ? rulesFor(policies, to.pod, 'Ingress') : undefined;
  return (
    (out === undefined || allowed(out, 'to', to, port, protocol)) &&
    (into === undefined || allowed(into, 'from', from, port, protocol))
  );
}
