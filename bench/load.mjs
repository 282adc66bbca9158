#!/usr/bin/env node
// @ts-check
import { spawn } from 'node:child_process';
import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';

/*
 * Load on a stack that runs, from outside, as clients make it: `node bench/load.mjs --url http://127.0.0.1:8000`.
 * Requests come at a rate, whether the earlier ones were answered or not (autocannon, fetched by npx in one fixed version);
 * streams are read to their end here, since no common tool looks into them. Exit code 1 where a limit was missed.
 */

const AUTOCANNON = 'autocannon@9.0.0';
const { values } = parseArgs({
  options: {
    url: { type: 'string', default: 'http://127.0.0.1:8000' },
    seconds: { type: 'string', default: '20' },
    reads: { type: 'string', default: '50' },
    starts: { type: 'string', default: '5' },
    streams: { type: 'string', default: '10' },
    task: { type: 'string', default: 'calculate 6*7' },
    user: { type: 'string', default: 'load' },
    token: { type: 'string' },
    'max-p99-ms': { type: 'string', default: '1000' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
});

const HELP = `Usage: node bench/load.mjs [options]

  --url URL           the gateway; default http://127.0.0.1:8000
  --seconds N         how long each of the three parts takes, at most 600; default 20
  --reads N           GET /runs a second; default 50
  --starts N          POST /orchestrate a second, each a whole run; default 5
  --streams N         clients that start a run, read its stream to the end, and start the next; default 10
  --task TEXT         what the runs do; default "calculate 6*7"
  --user ID           the development identity; default "load"
  --token TOKEN       a bearer token in its place
  --max-p99-ms N      the limit of the reads and of the first event; default 1000
  --json              numbers as JSON

One user may make RATE_LIMIT_PER_MINUTE requests (6000): 429s show that --reads and --starts are above it.`;

const whole = (/** @type {string} */ name, /** @type {number} */ most) => {
  const value = Number(values[/** @type {keyof typeof values} */ (name)]);
  if (Number.isInteger(value) && value >= 1 && value <= most) return value;
  console.error(`--${name} must be a whole number from 1 to ${most}.`);
  process.exit(64);
};

/** @param {number[]} sorted @param {number} share */
const at = (sorted, share) => Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);

/** @returns {Record<string, string>} */
function identity() {
  return values.token === undefined ? { 'x-user-id': values.user } : { authorization: `Bearer ${values.token}` };
}

/**
 * @param {string} path
 * @param {{seconds: number, rate: number, body?: object}} load
 */
async function requests(path, { seconds, rate, body }) {
  const headers = { ...identity(), 'content-type': 'application/json' };
  const args = ['--yes', AUTOCANNON, '--json', '--no-progress', '-d', String(seconds), '-R', String(rate)];
  args.push('-c', String(Math.min(rate, 50)), '-t', '60');
  for (const [name, value] of Object.entries(headers)) args.push('-H', `${name}=${value}`);
  if (body !== undefined) args.push('-m', 'POST', '-b', JSON.stringify(body));
  const child = spawn('npx', [...args, new URL(path, values.url).href], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  for await (const chunk of child.stdout) text += chunk;
  const { latency, requests: sent, errors, timeouts, non2xx, statusCodeStats } = JSON.parse(text);
  const statuses = Object.fromEntries(Object.entries(statusCodeStats).map(([code, { count }]) => [code, count]));
  const bad = errors + timeouts + non2xx;
  return {
    count: sent.total,
    rate: sent.average,
    p50: latency.p50,
    p97: latency.p97_5,
    p99: latency.p99,
    bad,
    statuses,
  };
}

/** One client after the other run of its own, until the time is over. @param {number} until @param {Samples} samples */
async function reader(until, samples) {
  while (performance.now() < until) {
    const began = performance.now();
    try {
      const answer = await fetch(new URL('/orchestrate/stream', values.url), {
        method: 'POST',
        headers: { ...identity(), 'content-type': 'application/json' },
        body: JSON.stringify({ task: values.task }),
        signal: AbortSignal.timeout(120_000),
      });
      if (!answer.ok || answer.body === null) throw new Error(`status ${answer.status}`);
      let text = '';
      for await (const chunk of answer.body) {
        if (text === '') samples.first.push(performance.now() - began);
        text += Buffer.from(chunk).toString();
      }
      if (!text.includes('event: response.completed')) throw new Error('no terminal event');
      samples.whole.push(performance.now() - began);
    } catch (error) {
      samples.bad.push(error instanceof Error ? error.message : String(error));
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }
}

/** @typedef {{first: number[], whole: number[], bad: string[]}} Samples */

/** @param {number} clients @param {number} seconds */
async function streams(clients, seconds) {
  /** @type {Samples} */
  const samples = { first: [], whole: [], bad: [] };
  const until = performance.now() + seconds * 1_000;
  await Promise.all(Array.from({ length: clients }, () => reader(until, samples)));
  const [first, all] = [samples.first, samples.whole].map((list) => list.sort((a, b) => a - b));
  return {
    count: all.length,
    rate: Math.round((all.length / seconds) * 10) / 10,
    first: { p50: at(first, 0.5), p99: at(first, 0.99) },
    whole: { p50: at(all, 0.5), p99: at(all, 0.99) },
    bad: samples.bad.length,
    why: [...new Set(samples.bad)].slice(0, 5),
  };
}

if (values.help) {
  console.log(HELP);
  process.exit(0);
}
const seconds = whole('seconds', 600);
const limitMs = whole('max-p99-ms', 600_000);
const say = (/** @type {string} */ line) => (values.json ? undefined : console.log(line));

const reads = await requests('/runs?limit=20', { seconds, rate: whole('reads', 10_000) });
say(
  `reads     ${reads.count} in ${seconds} s; p50 ${reads.p50} ms, p97.5 ${reads.p97} ms, p99 ${reads.p99} ms; failed ${reads.bad}`,
);
const starts = await requests('/orchestrate', { seconds, rate: whole('starts', 1_000), body: { task: values.task } });
say(
  `runs      ${starts.count} in ${seconds} s; p50 ${starts.p50} ms, p97.5 ${starts.p97} ms, p99 ${starts.p99} ms; failed ${starts.bad}`,
);
const read = await streams(whole('streams', 1_000), seconds);
say(
  `streams   ${read.count} runs read to their end, ${read.rate} a second; first event p50 ${read.first.p50} ms, p99 ${read.first.p99} ms; ` +
    `whole p50 ${read.whole.p50} ms, p99 ${read.whole.p99} ms; failed ${read.bad}${read.why.length > 0 ? ` (${read.why.join('; ')})` : ''}`,
);
if (values.json) console.log(JSON.stringify({ reads, starts, streams: read }, null, 2));
const missed = [
  ...(reads.bad + starts.bad + read.bad > 0 ? ['requests failed'] : []),
  ...(reads.p99 > limitMs ? [`reads: p99 ${reads.p99} ms`] : []),
  ...(read.first.p99 > limitMs ? [`first event: p99 ${read.first.p99} ms`] : []),
];
if (missed.length > 0) console.error(`Missed: ${missed.join(', ')}.`);
process.exitCode = missed.length > 0 ? 1 : 0;
