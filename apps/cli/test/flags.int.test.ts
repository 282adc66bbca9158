import { spawn } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { until } from '@switchyard/testing';

/*
 * The command as a person calls it (sh), over a program in the place of ours that shows what it was given and stays: so its
 * arguments can be read by whoever reads those of every process.
 */

const repository = fileURLToPath(new URL('../../..', import.meta.url));
const SECRET = "canary $HOME 'x' 31415";
let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'switchyard-flags-'));
  mkdirSync(join(root, 'tools'));
  copyFileSync(join(repository, 'switchyard'), join(root, 'switchyard'));
  chmodSync(join(root, 'switchyard'), 0o755);
  writeFileSync(
    join(root, 'tools', 'switchyard.mjs'),
    'console.log(JSON.stringify({ args: process.argv.slice(2), password: process.env.SWITCHYARD_AZTM_PASSWORD })); setInterval(() => {}, 1e6);',
  );
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

async function started(...args: string[]) {
  const child = spawn(join(root, 'switchyard'), args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.on('data', (chunk) => (said += String(chunk)));
  try {
    await until(() => said.endsWith('\n'), 30_000);
    const told = JSON.parse(said) as { args: string[]; password?: string };
    return { ...told, seen: readFileSync(`/proc/${child.pid}/cmdline`, 'utf8') };
  } finally {
    child.kill('SIGKILL');
  }
}

(process.platform === 'linux' ? it : it.skip).each<[string[], string[]]>([
  [
    ['run', '--aztm-userid', 'a@b', '--aztm-password', SECRET, 'a task; "quoted"', '--json'],
    ['run', '--aztm-userid', 'a@b', 'a task; "quoted"', '--json'],
  ],
  [
    ['up', `--aztm-password=${SECRET}`, '--detach'],
    ['up', '--detach'],
  ],
])('takes the password out of the arguments that every account can read: %j', async (args, left) => {
  const { args: given, password, seen } = await started(...args);
  expect([given, password]).toEqual([left, SECRET]);
  expect(seen).not.toContain('canary');
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) > process.pid)) {
    let command = '';
    try {
      command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    } catch {
      continue; // It ended meanwhile.
    }
    expect(command.includes('canary')).toBe(false);
  }
});

it.each([
  [['up', '--aztm-password', '-', '-d']],
  [['up', '--aztm-password=-']],
  [['up', '--aztm-password']],
  [['run', '--', '--aztm-password', 'is a word of the task']],
  [['run', 'what is --aztm-password?', '']],
])('leaves everything else as it was typed: %j', async (args) => {
  expect(await started(...args)).toEqual({ args, seen: expect.any(String) });
});
