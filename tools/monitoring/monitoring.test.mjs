import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { findProgram } from '../../libs/local-servers/binaries.mjs';
import { metricsInCode, PROCESS_METRICS } from './metrics-in-code.mjs';
import { namesIn } from './promql-names.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const FOLDER = join(ROOT, 'infra/monitoring');
const read = (path) => readFileSync(join(ROOT, path), 'utf8');
const rules = ['recording', 'alerts'].flatMap((name) =>
  parse(read(`infra/monitoring/rules/${name}.yml`)).groups.flatMap((group) => group.rules),
);
const alerts = rules.filter(({ alert }) => alert !== undefined);
const tests = parse(read('infra/monitoring/rules/tests.yml')).tests;
const dashboards = readdirSync(join(FOLDER, 'dashboards')).map((file) => ({
  file,
  board: JSON.parse(read(`infra/monitoring/dashboards/${file}`)),
}));
const panels = dashboards.flatMap(({ board }) => board.panels.filter(({ type }) => type !== 'row'));
const queries = [...rules.map(({ expr }) => expr), ...panels.flatMap(({ targets }) => targets.map(({ expr }) => expr))];

/** Name -> labels, of all that a query may ask: what the code registers, its parts, and what the rules record. */
function known() {
  const names = new Map([['up', ['job', 'service']], ...PROCESS_METRICS.map((name) => [name, []])]);
  for (const { name, kind, labels } of metricsInCode().values()) {
    if (kind !== 'histogram') names.set(name, labels);
    else for (const part of ['bucket', 'sum', 'count']) names.set(`${name}_${part}`, [...labels, 'le']);
  }
  for (const { record } of rules) if (record !== undefined) names.set(record, undefined);
  return names;
}

describe('rules and dashboards', () => {
  it('name only metrics and labels that the code has', () => {
    const names = known();
    for (const query of queries)
      for (const { name, labels } of namesIn(query)) {
        assert.ok(names.has(name), `${name} is no metric: ${query}`);
        const there = names.get(name);
        const foreign =
          there === undefined ? [] : labels.filter((label) => !['app', 'instance', ...there].includes(label));
        assert.deepEqual(foreign, [], `${name} has no such label: ${query}`);
      }
  });

  it('are looked at by this test as a whole: it sees a metric that is not there', () => {
    assert.deepEqual(namesIn('sum by (tool) (rate(tool_calls_total{outcome=~"a|b{2}"}[5m])) or vector(0) > bool 3e2'), [
      { name: 'tool_calls_total', labels: ['outcome'] },
    ]);
    assert.deepEqual(
      namesIn('histogram_quantile(0.9, sum by (le) (rate(x_bucket[5m]))) / on (app) group_left y:z:p5').map(
        ({ name }) => name,
      ),
      ['x_bucket', 'y:z:p5'],
    );
  });

  it('record each name once, and nothing that nobody looks at', () => {
    const recorded = rules.flatMap(({ record }) => record ?? []);
    assert.equal(new Set(recorded).size, recorded.length);
    const used = new Set(queries.flatMap((query) => namesIn(query).map(({ name }) => name)));
    assert.deepEqual(
      recorded.filter((name) => !used.has(name)),
      [],
    );
  });
});

describe('each alert', () => {
  const manual = read('docs/monitoring.md');
  for (const { alert, annotations, labels } of alerts) {
    it(`${alert} says what is felt and how bad it is, and leads to a runbook`, () => {
      assert.match(annotations.summary, /\.$/);
      assert.ok(['page', 'ticket'].includes(labels.severity));
      const [file, anchor] = annotations.runbook.split('#');
      assert.ok(existsSync(join(ROOT, file)), `${file} does not exist`);
      if (anchor !== undefined)
        assert.ok(read(file).toLowerCase().includes(`\n### ${anchor}\n`), `no heading ${anchor}`);
      assert.ok(manual.includes(alert), `docs/monitoring.md does not speak of ${alert}`);
    });

    it(`${alert} has a test in which it fires`, () => {
      assert.ok(
        tests.some(({ promql_expr_test: [{ exp_samples }] }) =>
          exp_samples.some((s) => s.labels.includes(`"${alert}"`)),
        ),
      );
    });
  }
});

describe('the dashboards', () => {
  for (const { file, board } of dashboards) {
    it(`${file} is one that Grafana takes, with any data source`, () => {
      assert.equal(`${board.uid}.json`, file);
      assert.ok(board.uid.length <= 40 && board.schemaVersion >= 36 && board.title !== '');
      assert.deepEqual(
        board.templating.list.map(({ name, type, query }) => [name, type, query]),
        [['datasource', 'datasource', 'prometheus']],
      );
      assert.equal(new Set(board.panels.map(({ id }) => id)).size, board.panels.length);
      for (const { type, datasource, targets, gridPos } of board.panels) {
        assert.ok(gridPos.x + gridPos.w <= 24);
        if (type === 'row') continue;
        assert.ok(targets.length > 0);
        for (const source of [datasource, ...targets.map((target) => target.datasource)])
          assert.deepEqual(source, { type: 'prometheus', uid: '${datasource}' });
      }
    });
  }
});

describe('promtool and amtool', () => {
  const promtool = findProgram('promtool');
  const amtool = findProgram('amtool');
  const succeeds = (program, args) => {
    const { status, stdout, stderr } = spawnSync(program, args, { cwd: FOLDER, encoding: 'utf8', timeout: 60_000 });
    assert.equal(status, 0, stdout + stderr);
  };
  const without = (name, what) =>
    name ? false : `left out: ${what} is not installed (Debian: prometheus, prometheus-alertmanager)`;

  it('take the rules', { skip: without(promtool, 'promtool') }, () => {
    succeeds(promtool, ['check', 'rules', '--lint=all', '--lint-fatal', 'rules/recording.yml', 'rules/alerts.yml']);
  });

  it('see each alert fire where it must, and not where it must not', { skip: without(promtool, 'promtool') }, () => {
    succeeds(promtool, ['test', 'rules', 'rules/tests.yml']);
  });

  it('take the example of a configuration', { skip: without(promtool, 'promtool') }, () => {
    succeeds(promtool, ['check', 'config', '--syntax-only', 'prometheus.yml']);
  });

  it('take the example of notifications', { skip: without(amtool, 'amtool') }, () => {
    succeeds(amtool, ['check-config', 'alertmanager.yml']);
  });
});
