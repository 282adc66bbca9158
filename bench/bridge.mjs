// HTTP over XMPP beside a raw IQ echo over two plain sessions on the same Prosody, in turns in the same minutes:
//   bridge    an HTTP exchange into one bridge, over XMPP, out of another and back; one process each, no message bus
//   services  a service's fetch, its bus, two bridges that are services, the bus of the answerer, and back
// Every answer is checked.
// Usage: ./switchyard bench bridge [--seconds 3] [--profile] [--json]
import { fork, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { connectBus } from '@switchyard/bus';
import { xmppStatus } from '@switchyard/contracts';
import { developmentCertificate, LOG_LEVEL, startProsody, startServers } from '@switchyard/local-servers';
import { createLogger } from '@switchyard/platform';
import { carryOverXmpp, createSafeFetch, parseServiceMap } from '@switchyard/safe-fetch';
import { xml } from '@xmpp/client';
import { openBridge } from './bridge/alone.mjs';
import { openSession, timedLogin } from './bridge/session.mjs';
import { cpuMs } from './processes.mjs';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '3' },
    profile: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});
const SECONDS = Math.min(10, Number(values.seconds));
const ROUNDS = 3;
const LOGINS = 40;
const EVENTS_PER_SECOND = 100;
const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const BODY = JSON.stringify({ text: 'x'.repeat(1_024 - 11) });
const quantile = (sorted, q) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0;
const sortedOf = (list) => [...list].sort((a, b) => a - b);
const median = (list) => quantile(sortedOf(list), 0.5);

const dir = mkdtempSync(join(tmpdir(), 'switchyard-bench-'));
chmodSync(dir, 0o711);
const stops = [() => rmSync(dir, { recursive: true, force: true })];
const log = createLogger({ app: 'bench', level: 'silent' });
const children = {};

function launchBridge(name, env) {
  const profile = values.profile
    ? ['--cpu-prof', `--cpu-prof-dir=${join(ROOT, 'bench/profiles')}`, `--cpu-prof-name=bridge-${name}.cpuprofile`]
    : [];
  const child = spawn(process.execPath, [...profile, join(ROOT, 'apps/xmpp-bridge/dist/main.js')], {
    env: { PATH: process.env.PATH, LOG_LEVEL, OPS_PORT: 'off', ...env },
    stdio: ['ignore', openSync(join(dir, `${name}.log`), 'a'), 'inherit'],
  });
  children[name] = child;
  stops.push(async () => {
    if (child.exitCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    const limit = setTimeout(() => child.kill('SIGKILL'), 10_000);
    await gone;
    clearTimeout(limit);
  });
}

async function untilServing(bus) {
  for (const deadline = Date.now() + 20_000; Date.now() < deadline; await new Promise((r) => setTimeout(r, 50))) {
    const status = await bus.request(xmppStatus, {}, { timeoutMs: 1_000 }).catch(() => undefined);
    if (status?.state === 'online' && status.serving !== false) return;
  }
  throw new Error('a bridge did not get online');
}

/** Latencies in ms and the rate of `once` at a concurrency. */
async function measure(once, concurrency, seconds) {
  const until = performance.now() + seconds * 1_000;
  const ms = [];
  const began = performance.now();
  await Promise.all(
    Array.from({ length: concurrency }, async () => {
      while (performance.now() < until) {
        const at = performance.now();
        await once();
        ms.push(performance.now() - at);
      }
    }),
  );
  const sorted = sortedOf(ms);
  const perSecond = (ms.length * 1_000) / (performance.now() - began);
  return { perSecond, p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99), count: ms.length };
}

/** Times from writing an event there to reading it here. */
async function eventLatencies(fetch, seconds) {
  const count = EVENTS_PER_SECOND * seconds;
  const response = await fetch(`http://agent.bench/events?perSecond=${EVENTS_PER_SECOND}&count=${count}`, {
    timeoutMs: 60_000,
  });
  const latencies = [];
  let text = '';
  for await (const piece of response.body) {
    const now = performance.timeOrigin + performance.now();
    text += Buffer.from(piece).toString();
    const whole = text.split('\n\n');
    text = whole.pop();
    for (const event of whole) latencies.push(now - Number(event.slice(6, event.indexOf(' ', 6))));
  }
  if (latencies.length !== count) throw new Error(`${latencies.length} of ${count} events came`);
  return sortedOf(latencies);
}

/** The median of each process, and the sum; without those that have no part in it. */
function cpuOf(samples) {
  const names = Object.keys(samples[0]);
  const parts = names
    .map((name) => [name, median(samples.map((sample) => sample[name]))])
    .filter(([, ms]) => ms > 0.02);
  return { ...Object.fromEntries(parts), all: parts.reduce((sum, [, ms]) => sum + ms, 0) };
}

async function main() {
  const users = Object.fromEntries(['near', 'far', 'raw', 'one', 'two'].map((user) => [user, `pw-${user}`]));
  const tls = await developmentCertificate(join(dir, 'tls'), 'localhost');
  const prosody = await startProsody({ dir: join(dir, 'prosody'), users, tls, domain: 'localhost' });
  stops.push(() => prosody.stop());
  const account = (user) => ({ user, password: users[user], port: prosody.port, ca: tls.ca });
  const servers = {};
  for (const name of ['near', 'far']) {
    servers[name] = await startServers(['nats']);
    stops.push(() => servers[name].stop());
  }
  const map = '{"agent.bench": "far@localhost"}';
  const policy = join(dir, 'policy.json');
  writeFileSync(
    policy,
    JSON.stringify(
      Object.fromEntries(['near', 'one'].map((user) => [`${user}@localhost`, { paths: ['/*'], perMinute: 100_000 }])),
    ),
  );
  const common = (user) => ({
    ...servers[user].accessOf('xmpp-bridge'),
    AZTM_JID: `${user}@localhost`,
    AZTM_PASSWORD: users[user],
    AZTM_HOST: '127.0.0.1',
    AZTM_PORT: String(prosody.port),
    AZTM_CA_FILE: tls.ca,
  });
  launchBridge('near', { ...common('near'), SERVICE_MAP: map, AZTM_SERVER_MODE: 'false' });
  launchBridge('far', { ...common('far'), AZTM_PEER_POLICY: policy });
  const peer = fork(join(ROOT, 'bench/bridge/peer.mjs'), [
    JSON.stringify({ access: servers.far.busOf('gateway'), login: account('far'), alone: account('two'), policy }),
  ]);
  stops.push(() => void peer.disconnect());
  const { jid } = await new Promise((resolve, reject) => {
    peer.once('message', resolve);
    peer.once('exit', () => reject(new Error('the far end did not start')));
  });
  const buses = [];
  for (const name of ['near', 'far']) {
    const keeper = await connectBus({ url: servers[name].nats.url, trust: 'open', app: 'bench', log });
    await keeper.ensureStreams();
    await keeper.close();
    const bus = await connectBus({ ...servers[name].busOf(name === 'near' ? 'gateway' : 'operator'), log });
    stops.push(() => bus.close());
    await untilServing(bus);
    buses.push(bus);
  }

  const fetch = createSafeFetch({ serviceMap: parseServiceMap(map), overXmpp: carryOverXmpp(buses[0]) });
  const overServices = async () => {
    const headers = { 'content-type': 'application/json' };
    const response = await fetch('http://agent.bench/echo', { method: 'POST', headers, body: BODY });
    if (response.status !== 200 || (await response.text()) !== BODY) throw new Error('the answer is not the question');
  };
  const bridge = await openBridge(account('one'), {
    SERVICE_MAP: '{"agent.bench": "two@localhost"}',
    AZTM_SERVER_MODE: 'false',
  });
  stops.push(() => bridge.stop());
  const bytes = Buffer.from(BODY);
  const withoutBus = async () => {
    const { status, body } = await bridge.exchange(
      {
        host: 'agent.bench',
        method: 'POST',
        resource: '/echo',
        headers: [['content-type', 'application/json']],
        body: () => Promise.resolve(bytes),
      },
      {
        signal: new AbortController().signal,
        deadline: Date.now() + 30_000,
        onHead: () => undefined,
        onPiece: () => undefined,
      },
    );
    if (status !== 200 || !body.equals(bytes)) throw new Error('the answer is not the question');
  };
  const session = await openSession(account('raw'), 'ask');
  stops.push(() => session.close());
  const raw = async () => {
    const answer = await session.ask('set', xml('echo', { xmlns: 'urn:bench' }, BODY), { to: jid, timeoutMs: 30_000 });
    if (answer.getChildText('echo') !== BODY) throw new Error('the answer is not the question');
  };

  const ways = { raw, bridge: withoutBus, services: overServices };
  for (const once of Object.values(ways)) await measure(once, 16, 3); // the compilers have seen every path
  const ends = { asker: process.pid, prosody: prosody.pid, answerer: peer.pid };
  const between = { 'near bridge': children.near.pid, 'far bridge': children.far.pid };
  const carriers = { 'near NATS': servers.near.nats.pid, 'far NATS': servers.far.nats.pid };
  const pids = Object.entries({ ...ends, ...between, ...carriers });
  /** Measures, and beside it the CPU time that each process spent for one request. */
  const withCpu = async (once, concurrency) => {
    const before = pids.map(([, pid]) => cpuMs(pid));
    const measured = await measure(once, concurrency, SECONDS);
    const spent = pids.map(([name, pid], n) => [name, (cpuMs(pid) - before[n]) / measured.count]);
    return { ...measured, cpu: Object.fromEntries(spent) };
  };
  const rounds = { 1: [], 64: [] };
  for (const concurrency of [1, 64]) {
    for (let round = 0; round < ROUNDS; round += 1) {
      const measured = {};
      for (const [way, once] of Object.entries(ways)) measured[way] = await withCpu(once, concurrency);
      rounds[concurrency].push(measured);
    }
  }
  const logins = [];
  for (let n = 0; n < LOGINS; n += 1) logins.push(await timedLogin(account('raw'), `login-${n}`));
  const sse = await eventLatencies(fetch, 2 * SECONDS);

  const of = (concurrency, way, field) => median(rounds[concurrency].map((round) => round[way][field]));
  const ratio = (concurrency, way, field) =>
    median(rounds[concurrency].map((round) => round[way][field] / round.raw[field]));
  const loginMs = sortedOf(logins.slice(5));
  const wayOf = (way) => ({
    aloneP50: of(1, way, 'p50'),
    aloneRatio: ratio(1, way, 'p50'),
    perSecondAt64: of(64, way, 'perSecond'),
    ratioAt64: ratio(64, way, 'perSecond'),
    cpuMsPerRequestAt64: cpuOf(rounds[64].map((round) => round[way].cpu)),
  });
  return {
    ways: Object.fromEntries(Object.keys(ways).map((way) => [way, wayOf(way)])),
    login: { p50: quantile(loginMs, 0.5), p99: quantile(loginMs, 0.99) },
    events: { perSecond: EVENTS_PER_SECOND, p50: quantile(sse, 0.5), p99: quantile(sse, 0.99), count: sse.length },
  };
}

try {
  const result = await main();
  if (values.json) console.log(JSON.stringify(result, null, 2));
  else {
    const f = (n, digits = 2) => n.toFixed(digits);
    const { ways, login, events } = result;
    const verdict = (good) => (good ? 'as aimed for' : 'NOT as aimed for');
    const line = (what, text, good) => console.log(`${what.padEnd(28)} ${text.padEnd(66)} ${verdict(good)}`);
    for (const way of ['bridge', 'services']) {
      const { aloneP50, aloneRatio, perSecondAt64, ratioAt64 } = ways[way];
      line(
        `${way}: alone, p50`,
        `raw ${f(ways.raw.aloneP50)} ms, ${way} ${f(aloneP50)} ms: ${f(aloneRatio)} times (at most 2)`,
        aloneRatio <= 2,
      );
      line(
        `${way}: 64 at once`,
        `raw ${f(ways.raw.perSecondAt64, 0)}/s, ${way} ${f(perSecondAt64, 0)}/s: ${f(ratioAt64 * 100, 0)} % (at least 70)`,
        ratioAt64 >= 0.7,
      );
    }
    line('login', `p50 ${f(login.p50, 1)} ms, p99 ${f(login.p99, 1)} ms (p50 at most 50)`, login.p50 <= 50);
    line(
      `events, ${events.perSecond}/s`,
      `p50 ${f(events.p50, 1)} ms, p99 ${f(events.p99, 1)} ms (p99 at most 20)`,
      events.p99 <= 20,
    );
    for (const [way, { cpuMsPerRequestAt64: cpu }] of Object.entries(ways)) {
      const shares = Object.entries(cpu).map(([name, ms]) => `${name} ${f(ms, 3)}`);
      console.log(`CPU of one request at 64, ${way}, ms: ${shares.join(', ')}`);
    }
  }
} finally {
  for (const stop of stops.reverse()) await Promise.resolve(stop()).catch(() => undefined);
}
