// What A2A costs beside the same run at POST /orchestrate, in turns on one stack: CPU of every process per run, servers
// included. Then 500 subscribers of one task at one gateway, each of which must see it end; and the card beside a bare
// Fastify route. Usage: ./switchyard bench a2a [--seconds 5] [--json]
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { createRequire } from 'node:module';
import { parseArgs } from 'node:util';
import { freePort } from '@switchyard/local-servers';
import { cpuMs } from './processes.mjs';
import { startStack } from './stack.mjs';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '5' },
    profile: { type: 'boolean' },
    json: { type: 'boolean', default: false },
  },
});
const SECONDS = Math.min(60, Number(values.seconds));
const CONCURRENCY = 16;
const ROUNDS = 3;
const SUBSCRIBERS = 500;
const TASK = 'calculate 17% of 2340';
let messages = 0;

/** One answered request; rejects where `isGood` does not like the answer. */
function ask(url, agent, { body, method = 'POST', user = 'bench', isGood }) {
  return new Promise((resolve, reject) => {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const headers = {
      'a2a-version': '1.0',
      'x-user-id': user,
      ...(text && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
    };
    const call = request(url, { method, agent, headers }, (answer) => {
      let told = '';
      answer.setEncoding('utf8');
      answer.on('data', (chunk) => (told += chunk));
      answer.on('error', reject);
      answer.on('end', () =>
        isGood(told, answer.statusCode)
          ? resolve(told)
          : reject(new Error(`HTTP ${answer.statusCode}: ${told.slice(0, 400)}`)),
      );
    });
    call.setTimeout(60_000, () => call.destroy(new Error('no answer within 60 s')));
    call.on('error', reject);
    call.end(text);
  });
}

const rpc = (method, params) => ({ jsonrpc: '2.0', id: 1, method, params });
const message = () => ({
  messageId: `bench-${process.pid}-${(messages += 1)}`,
  role: 'ROLE_USER',
  parts: [{ text: TASK }],
});
const KINDS = {
  orchestrate: (base, agent, user) =>
    ask(`${base}/orchestrate`, agent, {
      user,
      body: { task: TASK },
      isGood: (text) => text.includes('397.8') && text.includes('"success"'),
    }),
  a2a: (base, agent, user) =>
    ask(`${base}/a2a`, agent, {
      user,
      body: rpc('SendMessage', { message: message() }),
      isGood: (text) => text.includes('397.8') && text.includes('TASK_STATE_COMPLETED'),
    }),
};

/** A stack that is busy says so; a client then tries again, over either interface. */
async function patiently(act) {
  for (let tries = 1; ; tries += 1) {
    try {
      return await act();
    } catch (error) {
      if (tries === 50 || !/HTTP (429|503)/.test(String(error))) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

async function load(seconds, concurrency, once) {
  const until = Date.now() + seconds * 1_000;
  const began = performance.now();
  let count = 0;
  const worker = async (n) => {
    while (Date.now() < until) {
      await once(n);
      count += 1;
    }
  };
  await Promise.all(Array.from({ length: concurrency }, (_, n) => worker(n)));
  return { count, perSecond: count / ((performance.now() - began) / 1_000) };
}

async function runsOf(stack, kind, seconds) {
  const agent = new Agent({ keepAlive: true, maxSockets: CONCURRENCY });
  const before = stack.cpu();
  const { count, perSecond } = await load(seconds, CONCURRENCY, (n) =>
    patiently(() => KINDS[kind](stack.gateway, agent, `bench-${n}`)),
  );
  const used = stack.cpu();
  agent.destroy();
  const cpu = Object.fromEntries(Object.keys(used).map((name) => [name, (used[name] - before[name]) / count]));
  return { perSecond, cpuMs: Object.values(cpu).reduce((sum, part) => sum + part, 0), gatewayMs: cpu.gateway };
}

/** A run that waits for an approval, many subscribers, then the approval: each must see the task completed. */
async function subscribers(stack) {
  const agent = new Agent({ keepAlive: false, maxSockets: Infinity });
  const started = await ask(`${stack.gateway}/runs`, agent, {
    body: { task: TASK, approvals: { tools: ['calculator*'] } },
    isGood: (_, status) => status === 202,
  });
  const id = JSON.parse(started).run_id;
  let approval;
  while (approval === undefined) {
    const view = await ask(`${stack.gateway}/runs/${id}`, agent, {
      method: 'GET',
      isGood: (_, status) => status === 200,
    });
    approval = JSON.parse(view).approvals[0]?.approval_id;
  }
  const before = stack.cpu();
  const began = performance.now();
  let open = 0;
  const ended = Array.from({ length: SUBSCRIBERS }, () => {
    open += 1;
    return patiently(() =>
      ask(`${stack.gateway}/a2a`, agent, {
        body: rpc('SubscribeToTask', { id }),
        isGood: (text) => text.includes('"task"') && text.includes('TASK_STATE_COMPLETED'),
      }),
    );
  });
  const all = Promise.all(ended);
  for (let shown = 0; shown < open;) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    const metrics = await (await fetch(`${stack.gateway}/metrics`)).text();
    shown = Number(/^sse_connections\{[^}]*\} (\d+)$/m.exec(metrics)?.[1] ?? 0);
  }
  const attachedMs = performance.now() - began;
  const decided = performance.now();
  await ask(`${stack.gateway}/runs/${id}/approvals/${approval}`, agent, {
    body: { decision: 'approve' },
    isGood: (_, status) => status === 202,
  });
  await all;
  const used = stack.cpu();
  agent.destroy();
  return {
    subscribers: SUBSCRIBERS,
    attachedMs,
    toTheEndMs: performance.now() - decided,
    gatewayCpuMs: used.gateway - before.gateway,
  };
}

async function cards(stack) {
  const fastify = createRequire(createRequire(import.meta.url).resolve('@nestjs/platform-fastify')).resolve('fastify');
  const card = await (await fetch(`${stack.gateway}/.well-known/agent-card.json`)).text();
  const port = await freePort();
  const server = `const f = require(${JSON.stringify(fastify)})(); f.get('/', (_, r) => { r.header('content-type', 'application/json').send(process.env.CARD) }); f.listen({ port: ${port} }).then(() => console.log('up'))`;
  const bare = spawn(process.execPath, ['-e', server], {
    env: { ...process.env, CARD: card },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(bare.stdout, 'data');
  const agent = new Agent({ keepAlive: true, maxSockets: CONCURRENCY });
  const one = (url, pid) => async () => {
    const before = cpuMs(pid);
    const { count, perSecond } = await load(SECONDS / 2, CONCURRENCY, () =>
      ask(url, agent, { method: 'GET', isGood: (text) => text === card }),
    );
    return { perSecond, cpuMs: (cpuMs(pid) - before) / count };
  };
  const ofCard = one(`${stack.gateway}/.well-known/agent-card.json`, stack.pids.gateway);
  const ofBare = one(`http://127.0.0.1:${port}/`, bare.pid);
  await ofCard();
  const rounds = [];
  for (let n = 0; n < ROUNDS; n += 1) rounds.push({ bare: await ofBare(), card: await ofCard() });
  agent.destroy();
  bare.kill();
  return best(rounds, ({ card, bare }) => ({
    card: card.perSecond,
    bare: bare.perSecond,
    share: bare.cpuMs / card.cpuMs,
  }));
}

/** The median round, by its ratio. */
function best(rounds, of) {
  const all = rounds.map(of).sort((a, b) => a.share - b.share);
  return all[Math.floor(all.length / 2)];
}

const stack = await startStack({ env: { MAX_STREAMS: '5000' } });
try {
  for (const kind of Object.keys(KINDS)) await runsOf(stack, kind, 3); // warm up
  const rounds = [];
  for (let n = 0; n < ROUNDS; n += 1)
    rounds.push({ orchestrate: await runsOf(stack, 'orchestrate', SECONDS), a2a: await runsOf(stack, 'a2a', SECONDS) });
  const runs = best(rounds, ({ orchestrate, a2a }) => ({ orchestrate, a2a, share: a2a.cpuMs / orchestrate.cpuMs }));
  const result = { runs, subscribers: await subscribers(stack), cards: await cards(stack) };
  if (values.json) console.log(JSON.stringify(result, null, 2));
  else {
    const f = (n, digits = 1) => n.toFixed(digits);
    const row = (name, { perSecond, cpuMs: all, gatewayMs }) =>
      console.log(
        `${name.padEnd(24)} ${f(perSecond).padStart(7)}/s  ${f(all, 2).padStart(7)} CPU ms a run, the gateway ${f(gatewayMs, 2)}`,
      );
    row('POST /orchestrate', runs.orchestrate);
    row('SendMessage, JSON-RPC', runs.a2a);
    console.log(`SendMessage costs ${f(runs.share, 2)} times the CPU of /orchestrate (median of ${ROUNDS} turns)`);
    const { attachedMs, toTheEndMs, gatewayCpuMs } = result.subscribers;
    console.log(
      `${SUBSCRIBERS} subscribers of one task: attached in ${f(attachedMs, 0)} ms, all at its end ${f(toTheEndMs, 0)} ms after the answer, ${f(gatewayCpuMs, 0)} CPU ms of the gateway`,
    );
    console.log(
      `card: ${f(result.cards.card, 0)}/s, a bare Fastify route ${f(result.cards.bare, 0)}/s; by CPU ${f(100 * result.cards.share, 0)} % of it`,
    );
  }
} finally {
  await stack.stop();
}
