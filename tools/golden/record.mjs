// Records the golden journals of this version: real runs over real servers, one file each.
//
//   npm run build && node tools/golden/record.mjs [name ...]
//
// Writes libs/run/golden/v<engine version>/<name>.json where no such file is. A file that is there is never written
// again: it shows what a released version has decided, and every later version must decide the same.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connectBus } from '../../libs/bus/dist/index.js';
import { ENGINE_VERSION, fromCloudEvent, RunSpec, startRun } from '../../libs/contracts/dist/index.js';
import { createLogger } from '../../libs/platform/dist/index.js';
import { replay } from '../../libs/run/dist/index.js';
import { headersOf, parseSse, startSystem } from '../../apps/e2e/dist/index.js';
import { SCENARIOS } from './scenarios.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const folder = join(root, 'libs/run/golden', `v${ENGINE_VERSION}`);
const LIMIT_MS = 60_000;
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** What a scenario may do to a system and its runs. */
class Recorder {
  #system;
  #log = createLogger({ app: 'golden', level: 'silent' });

  constructor(system) {
    this.#system = system;
  }

  async call(path, body, caller = {}) {
    const answer = await fetch(`${this.#system.gateway}${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: headersOf(caller),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!answer.ok) throw new Error(`${path}: HTTP ${answer.status} ${await answer.text()}`);
    return answer.json();
  }

  script(...rules) {
    this.#system.model.setScript({ rules });
  }

  /** Starts a run and answers its id. */
  async start(task, more = {}) {
    return (await this.call('/runs', { task, ...more })).run_id;
  }

  /** As `start`, past the gateway, for what HTTP does not offer. */
  async startOnBus(task, more) {
    const bus = await connectBus({ url: this.#system.natsUrl, app: 'gateway', log: this.#log });
    const runId = `golden-${Date.now()}`;
    const principal = { tenantId: 'default', userId: 'u1', role: 'user', via: 'dev' };
    const run = RunSpec.parse({ task, thread_id: runId, principal, ...more });
    await bus.request(startRun, { runId, idempotencyKey: runId, run });
    await bus.close();
    return runId;
  }

  cancel(runId) {
    return this.call(`/runs/${runId}/cancel`, {});
  }

  answer(runId, approvalId, answer) {
    return this.call(`/runs/${runId}/approvals/${approvalId}`, answer);
  }

  /** Waits until the journal holds so many events of this type. */
  async until(runId, type, count = 1) {
    for (const end = Date.now() + LIMIT_MS; Date.now() < end; await sleep(25)) {
      const page = await this.#page(runId);
      if (page.filter((event) => event.type === type).length >= count) return page;
    }
    throw new Error(`${runId}: no ${type} within ${LIMIT_MS} ms`);
  }

  /** The ids of the questions that the run asks now. */
  async questions(runId, count = 1) {
    const page = await this.until(runId, 'orchestrator.approval.requested', count);
    return page.filter(({ type }) => type === 'orchestrator.approval.requested').map(({ data }) => data.approval_id);
  }

  stopOrchestrator(index) {
    return this.#system.stopOrchestrator(index);
  }

  async #page(runId) {
    const url = `${this.#system.gateway}/runs/${runId}/events?dialect=raw`;
    const stop = new AbortController();
    const answer = await fetch(url, { headers: headersOf({}), signal: stop.signal });
    let text = '';
    const timer = setTimeout(() => stop.abort(), 150);
    try {
      const decoder = new TextDecoder();
      for await (const chunk of answer.body) text += decoder.decode(chunk, { stream: true });
    } catch {
      // Stopped: what came so far is what there is so far.
    }
    clearTimeout(timer);
    return parseSse(text.slice(0, text.lastIndexOf('\n\n') + 2)).map(({ data }) => data);
  }

  /** Waits for the end of a run and answers its journal. */
  async journal(runId) {
    const url = `${this.#system.gateway}/runs/${runId}/events?dialect=raw`;
    const answer = await fetch(url, { headers: headersOf({}), signal: AbortSignal.timeout(LIMIT_MS) });
    return parseSse(await answer.text())
      .map(({ data }) => fromCloudEvent(data))
      .filter((event) => event !== undefined);
  }
}

const wanted = process.argv.slice(2);
mkdirSync(folder, { recursive: true });
let failed = 0;
for (const { name, shows, system: options = {}, play } of SCENARIOS) {
  const file = join(folder, `${name}.json`);
  if (wanted.length > 0 ? !wanted.includes(name) : existsSync(file)) continue;
  if (existsSync(file)) throw new Error(`${file} is there already; a golden journal is never written again`);
  const env = { DISALLOWED_KEYWORDS: 'forbiddenword', OPENAI_STALL_MS: '20000', ...options.env };
  const system = await startSystem({ ...options, env });
  try {
    const recorder = new Recorder(system);
    const events = await recorder.journal(await play(recorder));
    const { difference } = replay(events);
    if (difference) {
      failed += 1;
      console.error(`${name}: today's code differs at ${difference.seq}: ${difference.why}`);
      if (process.env['KEEP']) writeFileSync(`${process.env['KEEP']}/${name}.json`, JSON.stringify({ events }));
      continue;
    }
    writeFileSync(file, `${JSON.stringify({ shows, events }, null, 1)}\n`);
    const end = events.at(-1)?.data;
    console.log(`${name}: ${events.length} events, ${end?.status} ${end?.completion_reason} ${end?.error_code ?? ''}`);
  } finally {
    await system.stop();
  }
}
process.exit(failed === 0 ? 0 : 1);
