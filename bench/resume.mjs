// What streams cost: resume of a run of 10,000 events from its middle; 1,000 concurrent streams on one gateway (memory
// a stream, delay from commit to client); the cost of an event with 1,000 and with 100,000 stored runs.
// Usage: ./switchyard bench resume [--json]
import { parseArgs } from 'node:util';
import { openStore } from '@switchyard/store';
import pg from 'pg';
import { rssMb } from './processes.mjs';
import { startStack } from './stack.mjs';
import { follow, quantile, script, slowTask, start } from './watch.mjs';
import { appendRate } from './yardsticks.mjs';

const { values } = parseArgs({ options: { json: { type: 'boolean', default: false } } });
const EVENTS = 10_000;
const STREAMS = 1_000;
const RUNS = 50;

/** A run of that many events in the journal, ended. */
async function longRun(url, runId) {
  const store = openStore({ url, app: 'orchestrator', maxConnections: 2 });
  const run = {
    task: 'bench',
    thread_id: runId,
    principal: { tenantId: 'default', userId: 'bench', role: 'user', via: 'dev' },
    tool_constraints: { mode: 'auto', providers: [], tools: [] },
    budget: { max_steps: 10, max_iterations: null, max_tokens: null, max_usd: null, max_seconds: null },
    use_orchestrator: true,
    enable_reflection: false,
  };
  const lease = { owner: 'bench', leaseMs: 60_000 };
  await store.journal.accept({ runId, run, idempotencyKey: runId, requestHash: 'x', engineVersion: 1, lease });
  const fact = { type: 'worker.reflection.started', data: { step: 1, has_prior_reflection: false }, stepId: null };
  let seq = 1;
  const append = async (facts) => {
    const appended = await store.journal.append({ runId, epoch: 1, expectedSeq: seq, facts, leaseMs: 60_000 });
    if (appended.kind !== 'appended') throw new Error(appended.kind);
    seq = appended.lastSeq;
  };
  while (seq < EVENTS - 1) await append(Array.from({ length: Math.min(500, EVENTS - 1 - seq) }, () => fact));
  const counts = { total_steps: 0, successful_steps: 0, failed_steps: 0 };
  const usage = { input_tokens: 0, output_tokens: 0 };
  const end = { status: 'success', completion_reason: 'ok', answer: 'done', error: null, error_code: null };
  await append([{ type: 'orchestrator.task.completed', data: { ...end, ...counts, usage }, stepId: null }]);
  await store.close();
}

/** Reads the same events straight from the journal: the lower limit of the resume. */
async function rawRead(url, runId, after) {
  const store = openStore({ url, app: 'orchestrator', maxConnections: 1 });
  await store.journal.read(runId, after, 500);
  const began = performance.now();
  for (let at = after; ;) {
    const page = await store.journal.read(runId, at, 500);
    at = page.at(-1)?.seq ?? at;
    if (page.length < 500) break;
  }
  const ms = performance.now() - began;
  await store.close();
  return ms;
}

async function resume(stack) {
  const url = stack.servers.postgres.urlFor('orchestrator');
  await longRun(url, 'bench-long');
  const tries = [];
  for (let n = 0; n < 7; n += 1) {
    const seen = [];
    const result = await follow(stack.gateway, 'bench-long', {
      after: EVENTS / 2,
      onFrame: ({ data }) => seen.push(data.seq),
    }).done;
    const whole = seen.length === EVENTS / 2 && seen.every((seq, index) => seq === EVENTS / 2 + index + 1);
    if (!whole) throw new Error(`resumed with ${seen.length} events (HTTP ${result.status})`);
    tries.push(result);
  }
  const raw = [];
  for (let n = 0; n < 5; n += 1) raw.push(await rawRead(url, 'bench-long', EVENTS / 2));
  const ms = quantile(
    tries.map((each) => each.ms),
    0.5,
  );
  return {
    firstMs: quantile(
      tries.map((each) => each.firstMs),
      0.5,
    ),
    ms,
    eventsPerSecond: (EVENTS / 2 / ms) * 1_000,
    rawMs: quantile(raw, 0.5),
    ratioToRaw: ms / quantile(raw, 0.5),
  };
}

async function manyStreams(stack) {
  await script(stack.model, slowTask('slow work', 9, 1_500));
  const idle = rssMb(stack.pids.gateway);
  const runs = [];
  for (let n = 0; n < RUNS; n += 1) runs.push(await start(stack.gateway, { task: 'slow work' }));
  const delays = [];
  let wrong = 0;
  const opened = Date.now();
  let all = Infinity;
  const streams = Array.from({ length: STREAMS }, (_, n) => {
    let last = 0;
    return follow(stack.gateway, runs[n % RUNS], {
      onFrame: ({ data, at }) => {
        if (data.seq !== last + 1) wrong += 1;
        last = data.seq;
        // Events from before all streams were open are history, not delivery.
        if (Date.parse(data.time) > all) delays.push(at - Date.parse(data.time));
      },
    });
  });
  await Promise.all(streams.map((stream) => stream.opened));
  const openMs = Date.now() - opened;
  all = Date.now();
  await new Promise((resolve) => setTimeout(resolve, 4_000));
  const busy = rssMb(stack.pids.gateway);
  await Promise.all(streams.map((stream) => stream.done));
  if (wrong > 0) throw new Error(`${wrong} frames out of order`);
  return {
    streams: STREAMS,
    openMs,
    memoryKbEach: Math.round(((busy - idle) * 1024) / STREAMS),
    frames: delays.length,
    delayP50: quantile(delays, 0.5),
    delayP99: quantile(delays, 0.99),
  };
}

/** Ended runs of another tenant, 15 events each, as if they had been worked on. */
async function fill(url, from, to) {
  const pool = new pg.Pool({ connectionString: url, max: 1 });
  await pool.query(
    `insert into orchestrator.runs (run_id, tenant_id, user_id, thread_id, idempotency_key, request_hash, task,
       engine_version, phase, epoch, last_seq, published_seq, status, answer, completion_reason, settled, created_at,
       updated_at, ended_at)
     select 'old-' || n, 'other', 'u' || n % 100, 'old-' || n, 'old-' || n, 'x', 'old work', 1, 'ended', 1, 15, 15,
       'success', 'done', 'ok', true, now() - n * interval '1 second', now(), now()
     from generate_series($1::int, $2::int) n`,
    [from, to],
  );
  await pool.query(
    `insert into orchestrator.run_events (run_id, seq, epoch, type, step_id, body, size, ts)
     select 'old-' || n, s, 1, 'worker.reflection.started', null, '{"step":1,"has_prior_reflection":false}', 42, now()
     from generate_series($1::int, $2::int) n, generate_series(1, 15) s`,
    [from, to],
  );
  await pool.query('analyze orchestrator.runs; analyze orchestrator.run_events');
  await pool.end();
}

async function growth(stack) {
  const url = stack.servers.postgres.urlFor('orchestrator');
  const rows = [];
  let stored = 0;
  for (const target of [1_000, 100_000]) {
    await fill(stack.servers.postgres.url, stored + 1, target);
    stored = target;
    const [alone, , full] = await appendRate(url, 3, `stored-${target}`);
    rows.push({ stored: target, appendsPerSecondAt1: alone.perSecond, appendsPerSecondAt64: full.perSecond });
  }
  const [few, many] = rows;
  return {
    rows,
    costRatioAt1: few.appendsPerSecondAt1 / many.appendsPerSecondAt1,
    costRatioAt64: few.appendsPerSecondAt64 / many.appendsPerSecondAt64,
  };
}

const stack = await startStack();
try {
  const result = { resume: await resume(stack), streams: await manyStreams(stack), growth: await growth(stack) };
  if (values.json) console.log(JSON.stringify(result, null, 2));
  else {
    const f = (n, digits = 1) => n.toFixed(digits);
    const { resume: r, streams: s, growth: g } = result;
    console.log(
      `resume of ${EVENTS} events from the middle: first byte ${f(r.firstMs)} ms, whole ${f(r.ms)} ms (${f(r.eventsPerSecond, 0)} events/s); ${f(r.ratioToRaw)} times a raw read of ${f(r.rawMs)} ms`,
    );
    console.log(
      `${s.streams} streams on one gateway: opened in ${s.openMs} ms, ${s.memoryKbEach} KB each; ${s.frames} frames, commit to client p50 ${s.delayP50} ms, p99 ${s.delayP99} ms`,
    );
    for (const row of g.rows)
      console.log(
        `appends with ${row.stored} stored runs: ${f(row.appendsPerSecondAt1, 0)}/s at 1, ${f(row.appendsPerSecondAt64, 0)}/s at 64`,
      );
    console.log(
      `cost of an event at 100,000 stored runs to that at 1,000: ${f(g.costRatioAt1, 2)} at 1, ${f(g.costRatioAt64, 2)} at 64`,
    );
  }
} finally {
  await stack.stop();
}
