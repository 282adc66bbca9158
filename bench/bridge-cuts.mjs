// Requests between two organisations over XMPP while their connections are cut at random moments: each must end by its
// deadline with its own answer or a typed error, and no effect of a request with a key may happen twice. The round is the
// one of apps/xmpp-bridge/test/cuts.int.test.ts, which plays 600 requests in every test run.
// Usage: ./switchyard bench bridge-cuts [--requests 10000] [--seed 7] [--json]; about two minutes.
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    requests: { type: 'string', default: '10000' },
    seed: { type: 'string', default: '7' },
    json: { type: 'boolean', default: false },
  },
});
const [requests, seed] = [Number(values.requests), Number(values.seed)];
if (!Number.isInteger(requests) || requests < 200 || requests > 100_000 || !Number.isInteger(seed)) {
  console.error('--requests takes 200 to 100000, --seed a whole number');
  process.exit(64);
}

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const jest = ['--experimental-vm-modules', '--no-warnings', join(ROOT, 'node_modules/jest/bin/jest.js')];
const child = spawn(process.execPath, [...jest, 'test/cuts.int.test.ts'], {
  cwd: join(ROOT, 'apps/xmpp-bridge'),
  env: { ...process.env, CUTS_REQUESTS: String(requests), CUTS_SEED: String(seed) },
  stdio: ['ignore', 'inherit', 'pipe'],
});
let said = '';
child.stderr.setEncoding('utf8').on('data', (text) => (said = (said + text).slice(-200_000)));
const code = await new Promise((resolve, reject) => {
  child.once('error', reject);
  child.once('exit', (status) => resolve(status ?? 1));
});

/** What the round prints of itself: one JSON document among the lines of the test. */
const summary = /^\{\n [^]*?^\}$/m.exec(said)?.[0];
if (code !== 0 || summary === undefined) {
  process.stderr.write(said);
  console.error('The round did not keep its promises; what broke is above.');
  process.exit(code || 1);
}
const { cuts, seconds, seed: _seed, requests: _requests, ...outcomes } = JSON.parse(summary);
const kinds = { keyed: 'with a key', safe: 'safe', plain: 'neither' };
if (values.json) console.log(JSON.stringify({ requests, seed, cuts, seconds, outcomes, verdict: 'kept' }));
else {
  console.log(`\n${requests} requests, ${cuts} cuts, seed ${seed}: ${seconds.toFixed(0)} s\n`);
  for (const [kind, name] of Object.entries(kinds)) {
    const own = Object.entries(outcomes).filter(([outcome]) => outcome.startsWith(`${kind} `));
    const parts = own
      .sort((a, b) => b[1] - a[1])
      .map(([outcome, count]) => `${count} ${outcome.slice(kind.length + 1)}`);
    console.log(`  ${name.padEnd(11)} ${parts.join(', ')}`);
  }
  console.log('\nNone hung, none was late, none got the answer of another, no effect with a key happened twice.');
}
