// What a disaster costs: a stack under load whose machine dies with its disk, and what comes back from a backup and a WAL
// archive that lay elsewhere. RPO is the age of the newest accepted run that is missing, RTO the time from the order to
// restore until the gateway answers and the first new run has ended. Its own clone in a temporary folder; no stack of
// yours is touched.
// Usage: ./switchyard bench restore [--seconds 20] [--tls] [--json]
import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { dataFolder, freePort } from '@switchyard/local-servers';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '20' },
    tls: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});
const SECONDS = Math.min(600, Math.max(2, Number(values.seconds)));
const AT_ONCE = 8;
const STEP_LIMIT_MS = 300_000;
const TASK = 'What is the weather in London, and what is 17% of 2340?';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const home = mkdtempSync(join(tmpdir(), 'switchyard-disaster-'));
chmodSync(home, 0o711); // Run by root, PostgreSQL has an account of its own, which has to reach its data.
const clone = join(home, 'clone');
const wal = join(home, 'another-disk');
for (const folder of [clone, wal]) mkdirSync(folder, { mode: 0o711 });
for (const name of ['apps', 'libs', 'infra', 'node_modules', 'package.json'])
  symlinkSync(join(ROOT, name), join(clone, name));
const port = await freePort();
const gateway = `http://127.0.0.1:${port}`;
const MAIN = `const { main } = await import(${JSON.stringify(join(ROOT, 'apps/cli/dist/main.js'))}); process.exitCode = await main(process.argv.slice(1), ${JSON.stringify(clone)});`;

/** Runs the command for that clone, as a person does. */
async function call(...args) {
  const env = { PATH: process.env.PATH, HOME: process.env.HOME, GATEWAY_PORT: String(port), WAL_ARCHIVE_DIR: wal };
  env.RATE_LIMIT_PER_MINUTE = '1000000';
  if (values.tls) env.SWITCHYARD_TLS = 'true';
  const child = spawn(process.execPath, ['--input-type=module', '-e', MAIN, '--', ...args], { cwd: clone, env });
  let [out, said] = ['', ''];
  child.stdout.on('data', (chunk) => (out += chunk));
  child.stderr.on('data', (chunk) => (said += chunk));
  const limit = setTimeout(() => child.kill('SIGKILL'), STEP_LIMIT_MS);
  const code = await new Promise((resolve) => child.once('close', resolve));
  clearTimeout(limit);
  if (code !== 0) throw new Error(`${args[0]} ended with ${code}:\n${out}\n${said}`);
  return out;
}

const headers = { 'content-type': 'application/json', 'x-user-id': 'bench' };

/** Starts a run; returns its id once it is accepted, else undefined. */
async function accept() {
  try {
    const signal = AbortSignal.timeout(10_000);
    const answer = await fetch(`${gateway}/runs`, {
      method: 'POST',
      headers,
      body: JSON.stringify({ task: TASK }),
      signal,
    });
    return answer.ok ? (await answer.json()).run_id : undefined;
  } catch {
    return undefined; // The machine failed before the answer.
  }
}

const read = async (runId) =>
  (await fetch(`${gateway}/runs/${runId}`, { headers, signal: AbortSignal.timeout(10_000) })).status;

const record = (name) => JSON.parse(readFileSync(join(clone, '.switchyard', name), 'utf8'));
const accepted = [];
let going = true;
try {
  await call('up', '--detach');
  const load = Array.from({ length: AT_ONCE }, async () => {
    while (going) {
      const runId = await accept();
      if (runId === undefined) await sleep(50);
      else accepted.push({ runId, at: Date.now() });
    }
  });
  await sleep((SECONDS / 2) * 1_000);
  const backup = JSON.parse(await call('backup', join(wal, 'backup.tar.gz'), '--json'));
  const atBackup = accepted.length;
  await sleep((SECONDS / 2) * 1_000);

  const victims = [record('supervisor.json').pid, ...record('pids.json').processes.map(({ pid }) => pid)];
  const killedAt = Date.now();
  for (const pid of victims) process.kill(pid, 'SIGKILL');
  going = false;
  await Promise.all(load);
  const elsewhere = dataFolder(join(clone, '.switchyard/data/postgres'));
  for (const lost of [join(clone, '.switchyard'), elsewhere]) rmSync(lost, { recursive: true, force: true });

  const orderedAt = Date.now();
  const restored = JSON.parse(await call('restore', backup.file, '--json'));
  const readyAt = Date.now();
  const first = await accept();
  while (JSON.parse(await (await fetch(`${gateway}/runs/${first}`, { headers })).text()).status !== 'success')
    await sleep(50);
  const firstRunAt = Date.now();

  const sure = accepted.filter(({ at }) => at <= killedAt);
  const missing = [];
  for (const run of sure) if ((await read(run.runId)) !== 200) missing.push(run);
  const report = {
    machine: `${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GB, Node ${process.versions.node}`,
    accepted: sure.length,
    acceptedBeforeBackup: atBackup,
    missing: missing.length,
    rpoMs: missing.length === 0 ? 0 : killedAt - Math.min(...missing.map(({ at }) => at)),
    rtoSeconds: {
      total: (firstRunAt - orderedAt) / 1_000,
      restoreAndStart: (readyAt - orderedAt) / 1_000,
      ...restored.seconds,
    },
    backup: { seconds: backup.seconds, bytes: backup.bytes, dataBytes: backup.manifest.postgres.bytes },
    archiveSegments: restored.wal.used,
    unfinished: restored.unfinished,
    unfinishedEnded: restored.started.ended,
    readable: restored.started.readable,
    findings: restored.findings,
    fileMode: (statSync(backup.file).mode & 0o777).toString(8),
  };
  if (values.json) console.log(JSON.stringify(report, null, 2));
  else
    console.log(`${report.machine}
accepted ${report.accepted} runs, ${atBackup} of them before the backup; the machine died with its disk
backup   ${report.backup.seconds} s, ${(report.backup.bytes / 1e6).toFixed(1)} MB of ${(report.backup.dataBytes / 1e6).toFixed(0)} MB, taken under load
RPO      ${report.missing} accepted runs missing; ${report.rpoMs} ms
RTO      ${report.rtoSeconds.total.toFixed(1)} s to the first new run that ended: ${Object.entries(restored.seconds)
      .map(([stage, s]) => `${stage} ${s.toFixed(1)}`)
      .join(', ')}
picked up ${report.unfinishedEnded} of ${report.unfinished} unfinished runs ended; ${report.findings.length} findings`);
  if (report.findings.length > 0 || report.unfinishedEnded < report.unfinished) process.exitCode = 1;
} finally {
  going = false;
  await call('down').catch((error) => console.error(error.message));
  const elsewhere = dataFolder(join(clone, '.switchyard/data/postgres'));
  for (const folder of [elsewhere, home]) rmSync(folder, { recursive: true, force: true });
}
