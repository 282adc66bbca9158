import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { metricsInCode } from '../monitoring/metrics-in-code.mjs';
import { namesIn } from '../monitoring/promql-names.mjs';
import { kubernetesSchemas } from './borrowed.mjs';
import { callHelm, CHART, missing, objects, template, validator, VALUES, valuesFile } from './render.mjs';

const read = (path) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const schemas = missing ? { missing } : kubernetesSchemas();
const of = (all, kind) => all.filter((object) => object.kind === kind);

describe('the chart', { skip: missing }, () => {
  for (const name of VALUES) {
    it(`renders with ci/${name}-values.yaml, passes the lint of helm, and names no object twice`, () => {
      const { status, text, said } = callHelm(
        'lint',
        CHART,
        '--quiet',
        '-f',
        valuesFile(name),
        '--kube-version',
        '1.33.0',
      );
      // Lint knows no API of others; that the chart asks for them is tried below.
      if (!/does not know/.test(text + said)) assert.equal(status, 0, text + said);
      const names = objects(name).map(({ kind, metadata }) => `${kind} ${metadata.namespace} ${metadata.name}`);
      assert.deepEqual(
        names.filter((own, at) => names.indexOf(own) !== at),
        [],
      );
      assert.ok(names.length > 20);
    });

    it(`makes of ci/${name}-values.yaml what the strict schemas of Kubernetes allow`, { skip: schemas.missing }, () => {
      for (const folder of schemas.folders) {
        const wrong = validator(folder);
        for (const object of objects(name)) {
          const found = wrong(object);
          // Kinds of other projects (PodMonitor, ScaledObject, HTTPRoute) have no schema here.
          if (found === undefined)
            assert.match(object.apiVersion, /monitoring\.coreos|keda\.sh|gateway\.networking/, object.kind);
          else assert.deepEqual(found, [], `${object.kind} ${object.metadata.name}`);
        }
      }
    });

    it(`selects by labels that never change, and puts everything into one namespace (${name})`, () => {
      for (const { kind, metadata, spec } of objects(name)) {
        if (kind !== 'ConfigMap' || metadata.labels !== undefined)
          assert.equal(metadata.namespace, 'apps', metadata.name);
        assert.ok(metadata.name.length <= 63, metadata.name);
        if (['Deployment', 'StatefulSet'].includes(kind)) {
          assert.deepEqual(
            Object.keys(spec.selector.matchLabels).sort(),
            ['component', 'instance', 'name'].map((label) => `app.kubernetes.io/${label}`),
          );
          for (const [label, value] of Object.entries(spec.selector.matchLabels))
            assert.equal(spec.template.metadata.labels[label], value);
        }
      }
    });
  }

  it('notices a field that Kubernetes does not know', { skip: schemas.missing }, () => {
    const wrong = validator(schemas.folders[0]);
    const broken = structuredClone(of(objects('small'), 'Deployment')[0]);
    broken.spec.template.spec.containers[0].readinesProbe = {};
    assert.match(wrong(broken).join(), /readinesProbe/);
  });

  it('makes no Secret: passwords are never in values or templates', () => {
    for (const name of VALUES) assert.deepEqual(of(objects(name), 'Secret'), []);
  });

  it('scales by HPA or by KEDA, never by both, and says no replicas then', () => {
    for (const [name, kind] of [
      ['production', 'HorizontalPodAutoscaler'],
      ['external', 'ScaledObject'],
    ]) {
      const all = objects(name);
      const scalers = all.filter((object) => ['HorizontalPodAutoscaler', 'ScaledObject'].includes(object.kind));
      assert.ok(scalers.length === (name === 'external' ? 3 : 2) && scalers.every((object) => object.kind === kind));
      for (const { spec } of scalers) {
        const target = of(all, 'Deployment').find(({ metadata }) => metadata.name === spec.scaleTargetRef.name);
        assert.equal(target.spec.replicas, undefined);
      }
    }
  });

  it('scales by metrics that the code has, and by a consumer and a stream that there are', async () => {
    const { STREAMS } = await import('../../libs/contracts/dist/index.js');
    const names = new Set([...metricsInCode().values()].map(({ name }) => name));
    const triggers = of(objects('external'), 'ScaledObject').flatMap(({ spec }) => spec.triggers);
    const asked = triggers
      .filter(({ type }) => type === 'prometheus')
      .flatMap(({ metadata }) => namesIn(metadata.query));
    const pods = of(objects('production'), 'HorizontalPodAutoscaler').flatMap(({ spec }) =>
      spec.metrics.map((metric) => metric.pods.metric),
    );
    assert.ok(asked.length === 2 && pods.length === 2);
    for (const { name } of [...asked, ...pods]) assert.ok(names.has(name), `${name} is no metric of a service`);
    const lag = triggers.find(({ type }) => type === 'nats-jetstream').metadata;
    assert.ok(Object.hasOwn(STREAMS, lag.stream));
    assert.match(read('infra/nats/permissions.conf'), new RegExp(`MSG\\.NEXT\\.${lag.stream}\\.${lag.consumer}"`));
  });

  it('has a budget for disruptions exactly where there is more than one replica', () => {
    const budgets = (name, sets) => of(objects(name, sets), 'PodDisruptionBudget').map(({ metadata }) => metadata.name);
    assert.deepEqual(budgets('small'), []);
    assert.deepEqual(budgets('xmpp'), ['sy-switchyard-xmpp-bridge']);
    assert.equal(budgets('production').length, 5);
  });

  it('publishes every route that clients may reach, and none of operators', async () => {
    const { buildOpenApi } = await import('../../libs/contracts/dist/http.js');
    const { NOT_PUBLIC } = await import('../gen/chart.mjs');
    const ingress = of(objects('small'), 'Ingress')[0].spec.rules.flatMap(({ http }) =>
      http.paths.map(({ path }) => path),
    );
    const route = of(objects('production'), 'HTTPRoute')[0].spec.rules.flatMap(({ matches }) =>
      matches.map(({ path }) => path.value),
    );
    for (const prefixes of [ingress, route])
      for (const path of Object.keys(buildOpenApi().paths)) {
        const reached = prefixes.some((prefix) => path === prefix || path.startsWith(`${prefix}/`));
        assert.equal(reached, !NOT_PUBLIC.has(path), path);
      }
  });

  it('lets nothing cut a stream: no time limit in the HTTPRoute, half an hour in the Ingress', () => {
    for (const { timeouts } of of(objects('production'), 'HTTPRoute')[0].spec.rules)
      assert.deepEqual(timeouts, { request: '0s', backendRequest: '0s' });
    const { annotations } = of(objects('small'), 'Ingress')[0].metadata;
    assert.ok(Number(annotations['nginx.ingress.kubernetes.io/proxy-read-timeout']) > 1800);
  });

  it('migrates before anything else: a hook with what it needs as hooks before it, or a Job of each revision', () => {
    const hooks = objects('small').filter(
      ({ metadata }) => metadata.annotations?.['helm.sh/hook'] === 'pre-install,pre-upgrade',
    );
    assert.deepEqual(hooks.map(({ kind }) => kind).sort(), ['ConfigMap', 'Job', 'ServiceAccount']);
    for (const { kind, metadata } of hooks) {
      assert.equal(metadata.annotations['helm.sh/hook-weight'], kind === 'Job' ? '0' : '-10');
      // No uninstall takes hooks away.
      assert.match(metadata.annotations['helm.sh/hook-delete-policy'], /hook-succeeded/);
    }
    const plain = of(objects('external'), 'Job')[0];
    assert.match(plain.metadata.name, /-1$/);
    assert.equal(plain.metadata.annotations['helm.sh/hook'], undefined);
    assert.deepEqual(of(objects('external'), 'Job')[0].spec.template.spec.initContainers, undefined);
  });

  it('takes a setting away where a later file says null', () => {
    const settings = (sets) =>
      of(objects('production', sets), 'ConfigMap').find(({ metadata }) => metadata.name.endsWith('-gateway')).data;
    assert.ok('JWT_JWKS_URL' in settings([]));
    assert.ok(!('JWT_JWKS_URL' in settings(['services.gateway.config.JWT_JWKS_URL=null'])));
  });

  it('starts the pods of a service anew where its settings, or the revision of the Secrets, change', () => {
    const sums = (sets) =>
      Object.fromEntries(
        of(objects('small', sets), 'Deployment').map(({ metadata, spec }) => [
          metadata.name,
          JSON.stringify(spec.template.metadata.annotations),
        ]),
      );
    const [before, after, rotated] = [
      sums(),
      sums(['services.a2a.config={"A2A_RETRIES":1}']),
      sums(['secrets.revision="2"']),
    ];
    assert.deepEqual(
      Object.keys(before).filter((name) => before[name] !== after[name]),
      ['sy-switchyard-a2a'],
    );
    assert.ok(Object.keys(before).every((name) => before[name] !== rotated[name]));
  });

  it('brings the rules and dashboards of infra/monitoring as they are, and reads metrics as the job of that name', () => {
    const all = objects('production');
    const groups = ['recording', 'alerts'].flatMap((name) => parse(read(`infra/monitoring/rules/${name}.yml`)).groups);
    assert.deepEqual(of(all, 'PrometheusRule')[0].spec.groups, groups);
    const dashboards = of(all, 'ConfigMap').find(({ metadata }) => metadata.name.endsWith('-dashboards'));
    for (const [file, text] of Object.entries(dashboards.data))
      assert.deepEqual(JSON.parse(text), JSON.parse(read(`infra/monitoring/dashboards/${file}`)));
    for (const { relabelings } of of(all, 'PodMonitor')[0].spec.podMetricsEndpoints)
      assert.ok(
        relabelings.some(({ targetLabel, replacement }) => targetLabel === 'job' && replacement === 'switchyard'),
      );
  });

  it('warns of what is for trying, and of a single replica', () => {
    const notes = (name) =>
      callHelm('install', 'sy', CHART, '--dry-run=client', '-f', valuesFile(name)).text.split('NOTES:')[1] ?? '';
    assert.match(notes('bundled'), /identity\.mode is dev[\s\S]*bundled servers are for trying/);
    assert.match(notes('small'), /gateway has one replica/);
  });
});

/** What the schema refuses, and what it says of each. */
const MISTAKEN = [
  ['replica=3', /at '': additional properties 'replica' not allowed/],
  ['services.mcp-tool={"replica":3}', /at '\/services\/mcp-tool': additional properties 'replica' not allowed/],
  ['services.planner={}', /at '\/services': additional properties 'planner' not allowed/],
  ['services.a2a.config={"RATE_LIMT":1}', /at '\/services\/a2a\/config': additional properties 'RATE_LIMT' not/],
  [
    'services.gateway.config={"NATS_URL":"nats://a:b@c"}',
    /at '\/services\/gateway\/config': additional properties 'NATS_URL'/,
  ],
  ['services.audit.replicas="two"', /at '\/services\/audit\/replicas': got string, want integer/],
  ['services.gateway.replicas=0', /at '\/services\/gateway\/replicas': minimum: got 0, want 1/],
  ['defaults.runAsUser=0', /at '\/defaults\/runAsUser': minimum/],
  ['defaults.image.digest="latest"', /at '\/defaults\/image\/digest': 'latest' does not match pattern/],
  ['defaults.drainTimeoutMs=90000', /at '\/defaults\/drainTimeoutMs': maximum: got 90,000, want 60,000/],
  ['identity.mode="none"', /at '\/identity\/mode': value must be one of 'jwt', 'edge', 'dev'/],
];

/** What the templates refuse, one at a time, and a part of the sentence that says why. */
const INCONSISTENT = [
  ['the development identity in production', 'identity.mode="dev"', /believes everybody/],
  ['bundled servers in production', 'bundled.enabled=true', /for trying/],
  ['logins without migrations', 'migration.enabled=false', /needs migration\.enabled/],
  ['hosts over XMPP without the bridge', 'xmpp.serviceMap="{}"', /needs services\.xmpp-bridge\.enabled/],
  ['an Ingress for every name', 'ingress.hosts=[]', /needs ingress\.hosts/],
  ['a route without a Gateway', 'httpRoute.enabled=true', /needs httpRoute\.parentRefs/],
  ['scaling without a scaler', 'services.gateway.autoscaling.enabled=true', /needs autoscaling\.mode/],
  ['KEDA without Prometheus', 'autoscaling.mode="keda"', /needs autoscaling\.prometheusAddress/],
  ['a stack without an orchestrator', 'services.orchestrator={"enabled":false}', /no run comes to an end/],
  ['a drain that the grace period does not know of', 'services.audit.config={"DRAIN_TIMEOUT_MS":1}', /drainTimeoutMs/],
];

describe('values that cannot be meant', { skip: missing }, () => {
  it('mistakes are all named at once, each with its place', () => {
    const { status, said } = template(
      'small',
      MISTAKEN.map(([set]) => set),
    );
    assert.notEqual(status, 0);
    for (const [, sentence] of MISTAKEN) assert.match(said, sentence);
  });

  for (const [what, set, sentence] of INCONSISTENT)
    it(`${what} is refused with a sentence`, () => {
      const { status, said } = template('small', [set]);
      assert.notEqual(status, 0);
      assert.match(said, sentence);
    });

  it('jwt without an issuer', () => {
    assert.match(template('bundled', ['identity.mode="jwt"']).said, /needs services\.gateway\.config\.JWT_ISSUER/);
  });

  it('two replicas of audit at one volume that one node mounts', () => {
    const { said } = template('small', ['logTree.enabled=true', 'services.audit.replicas=2']);
    assert.match(said, /is for one replica of audit/);
  });

  it('kinds that the cluster does not know are named, with what brings them', () => {
    for (const [name, sentence] of [
      ['production', /needs the (Prometheus operator|Gateway API): this cluster/],
      ['external', /needs KEDA/],
    ])
      assert.match(template(name, [], []).said, sentence);
  });
});
