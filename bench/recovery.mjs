// How long a run stands still when the replica that owns it dies (kill -9) and when it is stopped (SIGTERM), with the
// default lease; then how long a cancel takes, from the request to the terminal frame. Two orchestrators, a load of
// slow runs, every run followed to its end and checked.
// Usage: ./switchyard bench recovery [--seconds 90] [--json]
import { parseArgs } from 'node:util';
import pg from 'pg';
import { startStack } from './stack.mjs';
import { follow, quantile, script, slowTask, start } from './watch.mjs';

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '90' }, json: { type: 'boolean', default: false } },
});
const SECONDS = Math.min(600, Number(values.seconds));
const AT_ONCE = 12;
/** The default of the orchestrator. */
const LEASE_MS = 6_000;
const TURNS = 9;
const PAUSE_MS = 400;
const LIMIT_MS = 60_000;

const stack = await startStack({ orchestrators: 2, agent: true });
const database = new pg.Pool({ connectionString: stack.servers.postgres.url, max: 2 });
const news = new Map(); // run -> [{ epoch, at }] of its events, as a client sees them
let started = 0;
let ended = 0;
let wrong = 0;

async function oneRun() {
  const runId = await start(stack.gateway, { task: 'slow work' });
  started += 1;
  const seen = [];
  news.set(runId, seen);
  let last = 0;
  let terminal = 0;
  const stream = follow(stack.gateway, runId, {
    onFrame: ({ data, at }) => {
      if (data.seq !== last + 1) wrong += 1;
      last = data.seq;
      if (data.type === 'orchestrator.task.completed') terminal += 1;
      seen.push({ epoch: data.epoch, at });
    },
  });
  await stream.done;
  if (terminal === 1) ended += 1;
  news.delete(runId);
}

/** Ends the replica with a signal; answers, for each run that it owned, the ms until a client saw it go on. */
async function strike(name, signal) {
  const { pid } = stack.children.get(name);
  const owned = await database.query(
    `select run_id, epoch from orchestrator.runs where lease_owner like '%-' || $1 || '-%' and phase = 'running'`,
    [pid],
  );
  const at = Date.now();
  process.kill(pid, signal);
  const waits = owned.rows.map(async ({ run_id: runId, epoch }) => {
    const seen = news.get(runId);
    if (!seen) return undefined;
    while (Date.now() - at < LIMIT_MS) {
      const next = seen.find((event) => event.epoch > epoch);
      if (next) return next.at - at;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return Infinity;
  });
  const times = (await Promise.all(waits)).filter((ms) => ms !== undefined);
  stack.launchOrchestrator(name);
  await new Promise((resolve) => setTimeout(resolve, 3_000)); // the restarted replica takes its share of new runs again
  return times;
}

/** The state of a run when it is cancelled; the moment within it differs from run to run. */
const SCRIPT = [
  { when: { taskIncludes: 'model work' }, respond: { text: 'never heard', stallMs: 30_000 } },
  { when: { taskIncludes: 'asked work' }, respond: { toolCalls: [{ name: 'delete_note', arguments: { name: 'x' } }] } },
  {
    when: { taskIncludes: 'handed work' },
    respond: { toolCalls: [{ name: 'delegate_to_mock_agent', arguments: { task: 'slow 60 hello' } }] },
  },
  ...slowTask('slow work', TURNS, PAUSE_MS),
];
const CANCELLED = {
  'at all moments': 'slow work',
  'in a model call': 'model work',
  'waiting for a person': 'asked work',
  'in a delegation': 'handed work',
};

/** Cancels runs with this task; answers the ms from each request to the end of the run's stream. */
async function cancels(task, count) {
  const times = [];
  for (let n = 0; n < count; n += 1) {
    const runId = await start(stack.gateway, { task });
    let endedAt = 0;
    const onFrame = ({ data, at }) => {
      if (data.type === 'orchestrator.task.completed') endedAt = at;
    };
    const stream = follow(stack.gateway, runId, { onFrame });
    await new Promise((resolve) => setTimeout(resolve, (n * 37) % 1_000));
    const at = Date.now();
    await fetch(`${stack.gateway}/runs/${runId}/cancel`, { method: 'POST', headers: { 'x-user-id': 'bench' } });
    await stream.done;
    times.push(endedAt - at);
  }
  return times;
}

try {
  await script(stack.model, SCRIPT);
  const until = Date.now() + SECONDS * 1_000;
  const client = async () => {
    while (Date.now() < until) await oneRun();
  };
  const load = Promise.all(Array.from({ length: AT_ONCE }, client));
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  const killed = [];
  const stopped = [];
  for (let round = 0; Date.now() < until - 16_000; round += 1) {
    const name = round % 2 === 0 ? 'orchestrator' : 'orchestrator-2';
    if (round % 3 === 2) stopped.push(...(await strike(name, 'SIGTERM')));
    else killed.push(...(await strike(name, 'SIGKILL')));
  }
  await load;
  const shape = (times) => ({
    runs: times.length,
    p50: quantile(times, 0.5),
    p99: quantile(times, 0.99),
    max: Math.max(0, ...times),
  });
  const cancelled = {};
  for (const [where, task] of Object.entries(CANCELLED)) cancelled[where] = shape(await cancels(task, 50));
  const result = {
    started,
    ended,
    lost: started - ended,
    outOfOrder: wrong,
    kill: shape(killed),
    stop: shape(stopped),
    cancel: cancelled,
    /** The lease is what a takeover waits for: the ratio says what is added to it. */
    leaseMs: LEASE_MS,
    killToLease: quantile(killed, 0.5) / LEASE_MS,
  };
  if (values.json) console.log(JSON.stringify(result, null, 2));
  else {
    const line = (what, { runs, p50, p99, max }, did = 'moved') =>
      console.log(
        `${what.padEnd(27)} ${String(runs).padStart(4)} runs ${did.padEnd(6)}  p50 ${p50} ms   p99 ${p99} ms   max ${max} ms`,
      );
    line('kill -9', result.kill);
    line('SIGTERM', result.stop);
    for (const [where, times] of Object.entries(result.cancel)) line(`cancel ${where}`, times, 'ended');
    console.log(`takeover p50 / lease: ${result.killToLease.toFixed(2)}`);
    console.log(`${started} runs started, ${ended} ended, ${result.lost} lost, ${wrong} frames out of order`);
  }
  process.exitCode = result.lost === 0 && wrong === 0 ? 0 : 1;
} finally {
  await database.end();
  await stack.stop();
}
