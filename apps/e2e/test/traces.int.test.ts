import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createMockA2a, type MockA2a } from '@switchyard/mock-a2a';
import { ABOUT, GEN_AI, HTTP, LINK, RUN_STATUS } from '@switchyard/platform';
import { until } from '@switchyard/testing';
import { type Processes, ResumingClient, startProcesses } from '../src/index.ts';
import { findingsOf, kindsOf, orphansOf, startTraceCollector, type TraceCollector } from '../src/trace-collector.ts';

/*
 * What strangers' tools are told: every service as a process of its own, and a collector that keeps what it is sent. The
 * run acts with a tool, with one at a host that is reached over XMPP, with an agent, and waits for a person in between.
 */

const RUN = 'traced-run';
const THREAD = 'traced-thread';
const CALLER = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' };
/** What people and models say; none of it may be in a trace. */
const SAID = ['PINEAPPLE', 'MARZIPAN', 'RHUBARB', 'LIQUORICE', 'test-weather-key'];
const SERVICES = ['gateway', 'orchestrator', 'mcp-tool', 'a2a', 'audit', 'xmpp-bridge'].map(
  (app) => `switchyard-${app}`,
);

const dir = mkdtempSync(join(tmpdir(), 'switchyard-traces-'));
let collector: TraceCollector;
let agent: MockA2a;
let system: Processes;
let takenOver: string;

const headers = { 'content-type': 'application/json', 'x-user-id': 'u1' };
const call = (turn: number, name: string, given: Record<string, unknown>) => ({
  when: { taskIncludes: 'trace', turn },
  respond: { toolCalls: [{ name, arguments: given }] },
});
const post = (path: string, body: object, more: object = {}) =>
  fetch(`${system.gateways[0]}${path}`, {
    method: 'POST',
    headers: { ...headers, ...more },
    body: JSON.stringify(body),
  });

beforeAll(async () => {
  writeFileSync(
    join(dir, 'far.yaml'),
    JSON.stringify({
      provider: 'far',
      tools: [
        {
          name: 'shelf',
          description: 'A shelf of a library far away',
          input: { type: 'object', properties: { book: { type: 'string' } }, required: ['book'] },
          http: { url: 'http://library.far.test/shelves/{book}', query: { reader: '{book}' } },
        },
      ],
    }),
  );
  [collector, agent] = await Promise.all([startTraceCollector(), createMockA2a({ port: 0 })]);
  system = await startProcesses({
    replicas: { 'mcp-tool': 1, a2a: 1, audit: 1, gateway: 1, 'xmpp-bridge': 1 },
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_BSP_SCHEDULE_DELAY: '200',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
      A2A_AGENTS: agent.url,
      TOOLS_DIR: dir,
      SERVICE_MAP: JSON.stringify({ 'library.far.test': 'library@far.test' }),
    },
  });
  system.model.setScript({
    rules: [
      call(1, 'calculator', { expression: '6*7' }),
      call(2, 'far__shelf', { book: 'MARZIPAN' }),
      call(3, 'delegate_to_mock_agent', { task: 'uppercase RHUBARB' }),
      call(4, 'slow_write', { ms: 1 }),
      { when: { taskIncludes: 'trace', turn: 5 }, respond: { text: 'LIQUORICE' } },
      {
        when: { taskIncludes: 'take over', turn: 1 },
        respond: { toolCalls: [{ name: 'slow_read', arguments: { ms: 4_000 } }] },
      },
      { when: { taskIncludes: 'take over', turn: 2 }, respond: { text: 'done' } },
    ],
  });
  await until(async () =>
    (await (await fetch(`${system.gateways[0]}/tools`, { headers })).text()).includes('far__shelf'),
  );

  const started = await post(
    '/runs',
    { task: 'trace PINEAPPLE', run_id: RUN, thread_id: THREAD, approvals: { tools: ['slow_write'] } },
    { traceparent: `00-${CALLER.traceId}-${CALLER.spanId}-01`, baggage: `${ABOUT.tenant}=forged` },
  );
  expect(started.status).toBe(202);
  const read = async () =>
    (await (await fetch(`${system.gateways[0]}/runs/${RUN}`, { headers })).json()) as Record<string, unknown>;
  let question: { approval_id: string } | undefined;
  await until(async () => {
    [question] = (await read())['approvals'] as { approval_id: string }[];
    return question !== undefined;
  }, 60_000);
  // A stream that goes on until the run has ended.
  const stream = fetch(`${system.gateways[0]}/runs/${RUN}/events?dialect=raw&after=0`, { headers });
  const answered = await post(`/runs/${RUN}/approvals/${question!.approval_id}`, { decision: 'approve' });
  expect(answered.status).toBe(202);
  await (await stream).text();
  expect(await read()).toMatchObject({ phase: 'ended', status: 'success' });
  await (await fetch(`${system.gateways[0]}/orchestrate/stream?task=PINEAPPLE`, { headers })).text();
  await (await fetch(`${system.gateways[0]}/nowhere/${'x1'.repeat(20)}?PINEAPPLE=1`, { headers })).text();
  await (
    await fetch(`${system.gateways[0]}/audit?run_id=${RUN}`, { headers: { ...headers, 'x-user-role': 'admin' } })
  ).text();

  // A run whose owner dies.
  const client = new ResumingClient(system.gateways);
  takenOver = await client.start({ task: 'take over' });
  let killed = false;
  const { end } = await client.watch(takenOver, ({ type, data }) => {
    if (killed || type !== 'orchestrator.step.dispatching' || data['attempt'] !== 1) return;
    killed = true;
    // Which of the two owns it stands in the log of neither; the other one goes on in any case.
    void ownerOf(takenOver).then((owner) => owner.kill());
  });
  expect(end).toMatchObject({ status: 'success' });
  await until(() => collector.spans.some(isAuditOf(takenOver)), 30_000);
  // What is on its way goes out with an orderly stop.
  await system.stop();
}, 240_000);
afterAll(async () => {
  await system?.stop();
  await Promise.all([collector?.stop(), agent?.stop()]);
  rmSync(dir, { recursive: true, force: true });
});

async function ownerOf(runId: string) {
  const { default: pg } = await import('pg');
  const db = new pg.Client({ connectionString: system.databaseUrl });
  await db.connect();
  try {
    const { rows } = await db.query('select lease_owner as owner from orchestrator.runs where run_id = $1', [runId]);
    const { owner } = rows[0] as { owner: string };
    return system.replicas.orchestrator.find(({ pid }) => owner.includes(`-${pid}-`))!;
  } finally {
    await db.end();
  }
}

const isAuditOf =
  (runId: string) =>
  ({ service, attributes }: { service: string; attributes: Readonly<Record<string, unknown>> }) =>
    service === 'switchyard-audit' && attributes[ABOUT.run] === runId;
/** The spans of every trace that the run has a part in. */
const spansOf = (runId: string) => {
  const traces = new Set(
    collector.spans.filter(({ attributes }) => attributes[ABOUT.run] === runId).map((s) => s.traceId),
  );
  return collector.spans.filter(({ traceId }) => traces.has(traceId));
};
const ofKind = (runId: string, which: string) =>
  spansOf(runId).filter((span) => kindsOf(span).some((kind) => kind === which));

describe('the traces of a run', () => {
  it('have no span but those of the table, each with what the table promises', () => {
    expect(collector.spans.flatMap(findingsOf)).toEqual([]);
    const seen = new Set(collector.spans.flatMap(kindsOf));
    expect([...seen].sort()).toEqual(
      ['agent', 'answer', 'ask', 'chat', 'consume', 'httpClient', 'httpServer', 'publish', 'tool', 'workflow'].sort(),
    );
  });

  it('are found by the id of the run in every service, and have no span that is not about it', () => {
    const about = collector.spans.filter(({ attributes }) => attributes[ABOUT.run] === RUN);
    expect([...new Set(about.map(({ service }) => service))].sort()).toEqual([...SERVICES].sort());
    const others = spansOf(RUN).filter(({ attributes }) => attributes[ABOUT.run] !== RUN);
    expect(others.map(({ service, name }) => `${service} ${name}`)).toEqual([]);
    for (const { attributes } of about) expect(attributes[ABOUT.tenant]).toBe('default');
    for (const which of ['workflow', 'chat', 'tool', 'agent'])
      for (const { attributes } of ofKind(RUN, which)) expect(attributes[ABOUT.thread]).toBe(THREAD);
    for (const { attributes } of [...ofKind(RUN, 'tool'), ...ofKind(RUN, 'agent')])
      expect(attributes[ABOUT.step]).toMatch(/^step-/);
  });

  it('have no orphan: every parent came, or is the caller’s', () => {
    expect(orphansOf(spansOf(RUN), [CALLER.spanId])).toEqual([]);
  });

  it('begin in the caller’s trace and go on after the pause in one that is linked to it and to the answer', () => {
    const [first, second, ...more] = ofKind(RUN, 'workflow').sort((a) => (a.parentSpanId ? -1 : 1));
    expect(more).toEqual([]);
    expect(first).toMatchObject({ traceId: CALLER.traceId, attributes: { [RUN_STATUS]: 'waiting' } });
    expect(second).toMatchObject({ parentSpanId: undefined, attributes: { [RUN_STATUS]: 'success' } });
    expect(second!.traceId).not.toBe(first!.traceId);
    const linked = Object.fromEntries(
      second!.links.map((link) => [
        link.attributes[LINK],
        collector.spans.find(({ spanId }) => spanId === link.spanId),
      ]),
    );
    expect(linked).toMatchObject({
      accepted: { name: 'process rpc.runs.start', traceId: CALLER.traceId },
      woken: { name: 'process rpc.runs.decide' },
    });
  });

  it('of a run whose owner died go on in a trace that is linked to its beginning', () => {
    const [goesOn] = ofKind(takenOver, 'workflow').filter(({ attributes }) => attributes[RUN_STATUS] === 'success');
    expect(goesOn).toMatchObject({ parentSpanId: undefined, attributes: { [ABOUT.run]: takenOver } });
    const [link] = goesOn!.links;
    expect(link!.attributes[LINK]).toBe('accepted');
    const beginning = collector.spans.find(
      ({ attributes, kind }) => attributes[ABOUT.run] === takenOver && kind === 'server',
    );
    expect(link!.traceId).toBe(beginning!.traceId);
  });

  it('tell of every call what came of it', () => {
    const chats = ofKind(RUN, 'chat');
    expect(chats.map(({ attributes }) => attributes[GEN_AI.finishReasons])).toEqual(
      expect.arrayContaining([['tool_calls'], ['stop']]),
    );
    const tools = ofKind(RUN, 'tool').map(({ attributes, failed }) => [
      attributes[GEN_AI.toolName],
      attributes[GEN_AI.toolType],
      typeof attributes[GEN_AI.toolCallId],
      failed,
    ]);
    expect(tools).toEqual(
      expect.arrayContaining([
        ['calculator', 'function', 'string', false],
        ['far__shelf', 'extension', 'string', true],
        ['slow_write', 'function', 'string', false],
      ]),
    );
    expect(ofKind(RUN, 'agent')).toMatchObject([{ service: 'switchyard-a2a', failed: false }]);
    const shelf = ofKind(RUN, 'httpClient').find(({ attributes }) => attributes[HTTP.template] !== undefined);
    expect(shelf).toMatchObject({ attributes: { [HTTP.url]: 'http://library.far.test/shelves/{book}' } });
    const names = new Set(collector.spans.filter(({ kind }) => kind === 'server').map(({ name }) => name));
    for (const name of [
      'POST /runs',
      'GET /runs/:id',
      'GET /runs/:id/events',
      'POST /runs/:id/approvals/:approvalId',
      'GET /tools',
      'GET /audit',
      'GET /orchestrate/stream',
      'GET',
    ])
      expect([...names]).toContain(name);
    expect([...names].filter((name) => /health|readiness|metrics/.test(name))).toEqual([]);
  });

  it('hold nothing that anybody said, and no key', () => {
    const told = collector.raw.join('\n');
    expect(SAID.filter((word) => told.includes(word))).toEqual([]);
    expect(told).not.toContain('forged');
    expect(told).not.toContain('x1x1');
  });

  it('say of every service which one it is', () => {
    const instances = new Map(collector.spans.map(({ resource }) => [resource['service.instance.id'], resource]));
    expect(instances.size).toBeGreaterThanOrEqual(SERVICES.length + 1);
    for (const resource of instances.values())
      expect(resource).toMatchObject({ 'service.namespace': 'switchyard', 'deployment.environment.name': 'test' });
  });
});
