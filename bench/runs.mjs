// What one run costs: two model calls (zero-latency model) and one tool call, streamed to the client, at
// concurrency 1, 16 and 64; beside it, in the same minutes on the same machine, the yardsticks: raw NATS
// request/reply and raw `append_events`, and the floor: a bare HTTP server that asks a worker over NATS (floor.mjs). CPU is
// that of every process, servers included. Every answer is checked. Usage: ./switchyard bench [--seconds 5] [--profile] [--json]
import { Agent, request } from 'node:http';
import { parseArgs } from 'node:util';
import { startFloor } from './floor.mjs';
import { rssMb } from './processes.mjs';
import { startStack } from './stack.mjs';
import { appendRate, natsRate } from './yardsticks.mjs';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '5' },
    profile: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});
const SECONDS = Math.min(60, Number(values.seconds));
const MAX_RUNS = 20_000;
const SERVICES = ['gateway', 'orchestrator', 'mcp-tool', 'a2a', 'audit', 'xmpp-bridge'];

/** One run over HTTP; times in ms. Rejects where the answer is not the expected one. */
function oneRun(base, agent, user) {
  return new Promise((resolve, reject) => {
    const began = performance.now();
    let first = 0;
    let text = '';
    const body = JSON.stringify({ task: 'calculate 17% of 2340' });
    const call = request(
      `${base}/orchestrate/stream`,
      {
        method: 'POST',
        agent,
        headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), 'x-user-id': user },
      },
      (answer) => {
        answer.setEncoding('utf8');
        answer.on('data', (chunk) => {
          first ||= performance.now() - began;
          text += chunk;
        });
        answer.on('end', () => {
          const good =
            answer.statusCode === 200 &&
            text.includes('event: response.completed') &&
            text.includes('397.8') &&
            text.includes('event: mcp.tool.execution');
          if (good) resolve({ ms: performance.now() - began, first, bytes: text.length });
          else
            reject(
              new Error(`unexpected answer (HTTP ${answer.statusCode}): ${text.slice(0, 400)} ... ${text.slice(-400)}`),
            );
        });
      },
    );
    call.setTimeout(30_000, () => call.destroy(new Error('no answer within 30 s')));
    call.on('error', reject);
    call.end(body);
  });
}

const quantile = (sorted, q) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0;

async function measure(stack, concurrency, seconds) {
  const agent = new Agent({ keepAlive: true, maxSockets: concurrency });
  const until = Date.now() + seconds * 1_000;
  const before = stack.cpu();
  const runs = [];
  const began = performance.now();
  const client = async (n) => {
    while (Date.now() < until && runs.length < MAX_RUNS) runs.push(await oneRun(stack.gateway, agent, `bench-${n}`));
  };
  await Promise.all(Array.from({ length: concurrency }, (_, n) => client(n)));
  const elapsed = (performance.now() - began) / 1_000;
  const used = stack.cpu();
  const cpu = Object.fromEntries(Object.keys(used).map((name) => [name, (used[name] - before[name]) / runs.length]));
  agent.destroy();
  const ms = runs.map((run) => run.ms).sort((a, b) => a - b);
  const first = runs.map((run) => run.first).sort((a, b) => a - b);
  return {
    concurrency,
    runs: runs.length,
    runsPerSecond: runs.length / elapsed,
    p50: quantile(ms, 0.5),
    p99: quantile(ms, 0.99),
    firstEventP50: quantile(first, 0.5),
    firstEventP99: quantile(first, 0.99),
    bytesPerRun: runs[0]?.bytes ?? 0,
    cpuMsPerRun: Object.values(cpu).reduce((sum, part) => sum + part, 0),
    cpu,
  };
}

const stack = await startStack({ profile: values.profile ? SERVICES : [] });
const floor = await startFloor();
try {
  const idle = Object.fromEntries(SERVICES.map((app) => [app, rssMb(stack.pids[app])]));
  await measure(stack, 16, 6); // warm up, so that the measurement meets optimised code
  const rows = [];
  await stack.toggleProfiles();
  await floor.measure(16, 3);
  for (const concurrency of [1, 16, 64]) {
    const row = await measure(stack, concurrency, SECONDS);
    const under = await floor.measure(concurrency, SECONDS);
    rows.push({ ...row, floor: under, timesFloor: row.cpuMsPerRun / under.cpuMs });
  }
  await stack.toggleProfiles();
  const after = Object.fromEntries(SERVICES.map((app) => [app, rssMb(stack.pids[app])]));
  const yardsticks = {
    nats: await natsRate(stack.servers.nats.url),
    append: await appendRate(stack.servers.postgres.url),
  };
  if (values.json) {
    console.log(JSON.stringify({ rows, idle, after, yardsticks }, null, 2));
  } else {
    const f = (n, digits = 1) => n.toFixed(digits);
    console.log('concurrency   runs/s   p50 ms   p99 ms   first event p50/p99 ms   CPU ms/run  (per process)');
    for (const row of rows) {
      const parts = Object.entries(row.cpu)
        .map(([app, ms]) => `${app} ${f(ms)}`)
        .join(', ');
      console.log(
        `${String(row.concurrency).padStart(11)} ${f(row.runsPerSecond).padStart(8)} ${f(row.p50).padStart(8)} ${f(row.p99).padStart(8)} ${`${f(row.firstEventP50)} / ${f(row.firstEventP99)}`.padStart(24)} ${f(row.cpuMsPerRun).padStart(12)}  (${parts})`,
      );
    }
    console.log('the floor: one HTTP request, one NATS request, three processes');
    for (const { concurrency, floor: under, timesFloor } of rows) {
      const parts = Object.entries(under.cpu).map(([part, ms]) => `${part} ${f(ms, 2)}`);
      console.log(
        `${String(concurrency).padStart(11)} ${f(under.perSecond, 0).padStart(8)}/s  CPU ms ${f(under.cpuMs, 2)}  (${parts.join(', ')});  a run costs ${f(timesFloor)} floors`,
      );
    }
    console.log(`stream of one run: ${rows[0].bytesPerRun} bytes`);
    console.log(
      `memory idle -> after, MB: ${SERVICES.map((app) => `${app} ${idle[app]} -> ${after[app]}`).join(', ')}`,
    );
    for (const [name, rates] of Object.entries(yardsticks))
      console.log(
        `yardstick ${name}: ${rates.map((rate) => `${f(rate.perSecond, 0)}/s at ${rate.concurrency}`).join(', ')}`,
      );
  }
} finally {
  await floor.stop();
  await stack.stop();
}
