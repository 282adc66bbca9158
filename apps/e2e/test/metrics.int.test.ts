import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { findProgram } from '@switchyard/local-servers';
import { startSystem, stream, type System } from '../src/index.ts';

interface Registered {
  readonly name: string;
  readonly kind: string;
  readonly labels: readonly string[];
}
const { metricsInCode, PROCESS_METRICS } = (await import(
  new URL('../../../tools/monitoring/metrics-in-code.mjs', import.meta.url).href
)) as { metricsInCode: () => ReadonlyMap<string, Registered>; PROCESS_METRICS: readonly string[] };

const promtool = findProgram('promtool');
let system: System;
const scraped = new Map<string, string>();

beforeAll(async () => {
  system = await startSystem();
  await stream(system.gateway, { task: 'What is the weather in London, and what is 17% of 2340?' });
  await stream(system.gateway, { task: 'Ask the research agent what Switchyard is' });
  for (const [app, url] of Object.entries(system.metrics)) scraped.set(app, await (await fetch(url)).text());
}, 120_000);
afterAll(() => system?.stop());

const shown = (text: string) => [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, kind]) => ({ name, kind }));

describe('the metrics of a running system', () => {
  it('are shown by all six services', () => {
    expect([...scraped.keys()].sort()).toEqual(['a2a', 'audit', 'gateway', 'mcp-tool', 'orchestrator', 'xmpp-bridge']);
    for (const [app, text] of scraped) expect(text).toContain(`service_ready{app="${app}"} 1`);
  });

  it('are those that rules and dashboards are checked against, with the same kinds and labels', () => {
    const known = metricsInCode();
    const all = [...scraped.values()].flatMap(shown);
    const own = all.filter(({ name }) => !/^(process|nodejs)_/.test(name!));
    expect(own.filter(({ name, kind }) => known.get(name!)?.kind !== kind)).toEqual([]);
    const names = new Set(all.map(({ name }) => name!));
    // Of a bridge without an account, of the service that nothing starts yet, and of what is counted only where it happens.
    const absent = [...known.keys()].filter((name) => !names.has(name)).sort();
    expect(absent.filter((name) => !/^(xmpp_(requests|messages)|computer)_/.test(name))).toEqual([]);
    expect(PROCESS_METRICS.filter((name) => !names.has(name))).toEqual([]);
    for (const text of scraped.values())
      for (const [, name, series] of text.matchAll(/^([a-z0-9_]+?)(?:_bucket|_sum|_count)?\{(.*)\} /gm)) {
        const metric = known.get(name!);
        if (metric === undefined) continue;
        const labels = [...series!.matchAll(/([a-z_]+)="/g)].map((match) => match[1]!);
        expect(labels.filter((label) => !['app', 'le', ...metric.labels].includes(label))).toEqual([]);
      }
  });

  it('tell of a stream how long its events took and how it ended', () => {
    const gateway = scraped.get('gateway')!;
    expect(gateway).toMatch(/sse_streams_total\{dialect="orchestrate",end="ended",app="gateway"\} 2/);
    expect(Number(/sse_event_lag_seconds_count\{app="gateway"\} (\d+)/.exec(gateway)?.[1])).toBeGreaterThan(5);
    const plannings = /^planning_duration_seconds_count.*$/gm;
    expect(scraped.get('orchestrator')?.match(plannings)).toEqual([expect.stringMatching(/ [1-9][0-9]?$/)]);
    expect(scraped.get('mcp-tool')).toContain('effects_in_doubt{app="mcp-tool"} 0');
  });

  (promtool ? it : it.skip)('have no finding of promtool (left out where Prometheus is not installed)', () => {
    for (const [app, text] of scraped) {
      const { stdout, stderr, status } = spawnSync(promtool!, ['check', 'metrics'], { input: text, encoding: 'utf8' });
      expect({ app, said: stdout + stderr, status }).toEqual({ app, said: '', status: 0 });
    }
  });
});
