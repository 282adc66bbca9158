// The floor: what one question costs without the product. An HTTP server (bare Fastify) asks a worker over NATS and
// streams the answer back; both are processes of their own, and so is nats-server, as the services are. This file is
// all three parts: started by runs.mjs, as `front` and as `worker`.
import { fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { NODE_FLAGS, startNats, stockClient } from '@switchyard/local-servers';
import Fastify from 'fastify';
import { connect } from 'nats';
import { cpuMs } from './processes.mjs';

const SELF = fileURLToPath(import.meta.url);
const SUBJECT = 'bench.calculate';

async function front(url) {
  const nats = await connect(stockClient(url));
  const app = Fastify();
  app.post('/run', async (asked, reply) => {
    reply.hijack();
    reply.raw.writeHead(200, { 'content-type': 'text/event-stream' });
    const answer = await nats.request(SUBJECT, JSON.stringify(asked.body), { timeout: 10_000 });
    reply.raw.end(`data: ${answer.string()}\n\n`);
  });
  await app.listen({ port: 0, host: '127.0.0.1' });
  process.send({ port: app.server.address().port });
}

async function worker(url) {
  const nats = await connect(stockClient(url));
  nats.subscribe(SUBJECT, {
    queue: 'worker',
    callback: (_error, message) => message.respond(JSON.stringify({ result: message.json().of * 0.17 })),
  });
  await nats.flush();
  process.send({});
}

/** One question over HTTP; rejects where the answer is not the expected one. */
function ask(port, agent) {
  return new Promise((resolve, reject) => {
    const body = JSON.stringify({ of: 2340 });
    const headers = { 'content-type': 'application/json', 'content-length': body.length };
    const call = request({ port, host: '127.0.0.1', path: '/run', method: 'POST', agent, headers }, (answer) => {
      let text = '';
      answer.setEncoding('utf8');
      answer.on('data', (chunk) => (text += chunk));
      answer.on('end', () => (text.includes('397.8') ? resolve() : reject(new Error(`unexpected: ${text}`))));
    });
    call.on('error', reject);
    call.end(body);
  });
}

/** Starts the floor; `measure(concurrency, seconds)` gives its rate and the CPU of each part for one question, in ms. */
export async function startFloor() {
  const dir = mkdtempSync(join(tmpdir(), 'switchyard-floor-'));
  const nats = await startNats({ dir: join(dir, 'nats'), durable: false });
  const start = (part) =>
    new Promise((resolve, reject) => {
      const child = fork(SELF, [part, nats.url], { execArgv: [...NODE_FLAGS] });
      child.once('message', (said) => resolve({ child, ...said }));
      child.once('exit', (code) => reject(new Error(`${part} of the floor ended (${code})`)));
    });
  const parts = await Promise.all([start('worker'), start('front')]);
  const pids = { front: parts[1].child.pid, worker: parts[0].child.pid, nats: nats.pid };
  const { port } = parts[1];
  return {
    measure: async (concurrency, seconds) => {
      const agent = new Agent({ keepAlive: true, maxSockets: concurrency });
      const before = Object.entries(pids).map(([name, pid]) => [name, cpuMs(pid)]);
      const until = Date.now() + seconds * 1_000;
      let count = 0;
      const began = performance.now();
      const client = async () => {
        for (; Date.now() < until; count += 1) await ask(port, agent);
      };
      await Promise.all(Array.from({ length: concurrency }, client));
      const elapsed = (performance.now() - began) / 1_000;
      agent.destroy();
      const cpu = Object.fromEntries(before.map(([name, ms]) => [name, (cpuMs(pids[name]) - ms) / count]));
      return { perSecond: count / elapsed, cpu, cpuMs: Object.values(cpu).reduce((sum, ms) => sum + ms, 0) };
    },
    stop: async () => {
      for (const { child } of parts) child.kill();
      await nats.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

const [, file, part, url] = process.argv;
if (file === SELF && part === 'front') await front(url);
if (file === SELF && part === 'worker') await worker(url);
