import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { mayConnect } from './network-matrix.mjs';
import { CHART, missing, objects, podsOf, VALUES } from './render.mjs';

const ROWS = parse(readFileSync(join(CHART, 'files/connections.yaml'), 'utf8'));
const SERVICES = ['gateway', 'orchestrator', 'mcp-tool', 'a2a', 'audit', 'xmpp-bridge'];
const PORTS = [53, 80, 443, 1234, 4222, 4318, 5222, 5432, 6379, 8000, 8001, 8002, 8080, 8222, 8443, 9090];
const policiesOf = (all) => all.filter(({ kind }) => kind === 'NetworkPolicy');

/** Component -> labels of its pods. */
const partiesOf = (all) =>
  new Map(podsOf(all).map(({ metadata }) => [metadata.labels['app.kubernetes.io/component'], metadata.labels]));

/** What may connect within the release, as "from to port". */
function within(all) {
  const parties = partiesOf(all);
  const found = [];
  for (const [from, own] of parties)
    for (const [to, other] of parties)
      for (const port of PORTS)
        if (mayConnect(policiesOf(all), { pod: own }, { pod: other }, port)) found.push(`${from} ${to} ${port}`);
  return found.sort();
}

describe('network policies', { skip: missing }, () => {
  it('let through within the release what the table of connections says, and nothing else', () => {
    for (const name of VALUES) {
      const all = objects(name);
      const parties = partiesOf(all);
      const said = ROWS.filter(
        ({ port, if: when }) => port !== undefined && (when === undefined || name === 'bundled'),
      ).flatMap((row) => row.from.flatMap((from) => row.to.map((to) => `${from} ${to} ${row.port}`)));
      const expected = [...new Set(said)].filter((line) =>
        line
          .split(' ')
          .slice(0, 2)
          .every((party) => parties.has(party)),
      );
      // Ingress and monitoring are whole namespaces, which the release is not one of.
      assert.deepEqual(within(all), expected.sort(), name);
    }
  });

  it('have a row in the table for each server that a service has an address of, and for no other', async () => {
    const { describeConfig } = await import('../../libs/platform/dist/index.js');
    for (const [server, variable] of [
      ['nats', 'NATS_URL'],
      ['postgres', 'DATABASE_URL'],
      ['redis', 'REDIS_URL'],
    ]) {
      const users = [];
      for (const app of SERVICES) {
        const { Config } = await import(`../../apps/${app}/dist/config.js`);
        if (describeConfig(Config).some((known) => known.variable === variable)) users.push(app);
      }
      const rows = ROWS.filter(({ to }) => to.includes(server)).flatMap(({ from }) => from);
      assert.deepEqual(rows.filter((from) => from !== 'migration').sort(), users.sort(), server);
    }
  });

  it('deny everything by default, to and from every pod of the release', () => {
    for (const name of VALUES) {
      const all = objects(name);
      for (const [party, pod] of partiesOf(all)) {
        const about = policiesOf(all).filter(({ spec }) =>
          Object.entries(spec.podSelector.matchLabels).every(([key, value]) => pod[key] === value),
        );
        assert.deepEqual(
          about.map(({ spec }) => spec.policyTypes.join()).sort(),
          Array(about.length).fill('Ingress,Egress'),
        );
        assert.equal(about.length, 2, `${party} (${name}): the default and its own`);
      }
    }
  });

  it('lead out where the table says: tools and agents to the internet, nobody to private networks', () => {
    const all = objects('small');
    const parties = partiesOf(all);
    const out = (elsewhere, port) =>
      [...parties]
        .filter(([, pod]) => mayConnect(policiesOf(all), { pod }, { elsewhere }, port))
        .map(([party]) => party)
        .sort();
    assert.deepEqual(out('internet', 443), ['a2a', 'gateway', 'mcp-tool', 'orchestrator']);
    assert.deepEqual(out('private', 443), []);
    assert.deepEqual(out('private', 8080), []);
    // Where servers are not named, their port is open to everywhere: docs/deploy/production.md says to name them.
    assert.deepEqual(out('private', 5432), ['audit', 'mcp-tool', 'migration', 'orchestrator']);
    assert.deepEqual(out('internet', 22), []);
  });

  it('let in clients and scrapers of other namespaces at one port each, and nobody to the servers', () => {
    const all = objects('bundled');
    for (const [party, pod] of partiesOf(all)) {
      const open = PORTS.filter((port) => mayConnect(policiesOf(all), { elsewhere: 'namespace' }, { pod }, port));
      const expected =
        party === 'gateway' ? [8000, 9090] : ['orchestrator', 'mcp-tool', 'a2a', 'audit'].includes(party) ? [9090] : [];
      assert.deepEqual(open, expected, party);
    }
  });

  it('let every pod that has a name to look up ask for it, over UDP and TCP', () => {
    const all = objects('production');
    for (const [party, pod] of partiesOf(all))
      for (const protocol of ['UDP', 'TCP'])
        assert.ok(
          mayConnect(policiesOf(all), { pod }, { elsewhere: 'namespace' }, 53, protocol),
          `${party} ${protocol}`,
        );
  });

  it('reach bundled and external servers alike: each service its own, in every example', () => {
    for (const name of VALUES) {
      const all = objects(name);
      for (const { metadata, spec } of podsOf(all).filter(({ object }) => object.kind === 'Deployment')) {
        const party = metadata.labels['app.kubernetes.io/component'];
        for (const { to, port, from } of ROWS.filter(
          (row) => ['nats', 'postgres', 'redis'].includes(row.to[0]) && row.from.includes(party),
        )) {
          const bundled = partiesOf(all).get(to[0]);
          const ends =
            bundled === undefined
              ? ['namespace', 'private', 'internet'].map((elsewhere) => ({ elsewhere }))
              : [{ pod: bundled }];
          assert.ok(
            ends.some((end) => mayConnect(policiesOf(all), { pod: metadata.labels }, end, port)),
            `${party} ${to} (${name}, ${from.length}, ${spec.serviceAccountName})`,
          );
        }
      }
    }
  });
});
