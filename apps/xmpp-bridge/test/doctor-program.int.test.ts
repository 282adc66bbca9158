import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { DoctorCheck } from '@switchyard/contracts';

/** The program that the command line runs, as built. */
const PROGRAM = join(import.meta.dirname, '../dist/doctor-main.js');

it('looks at the login without the keys of the bus, on which it asks nobody', () => {
  const env = { PATH: process.env['PATH'], AZTM_JID: 'agent@nowhere.invalid', AZTM_PASSWORD: 'secret' };
  const { stdout, stderr } = spawnSync(process.execPath, [PROGRAM], { env, encoding: 'utf8', timeout: 60_000 });
  const checks = stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => DoctorCheck.parse(JSON.parse(line)));
  expect([stderr, checks[0]]).toEqual(['', expect.objectContaining({ number: 1, status: 'ok' })]);
  expect(stdout).not.toContain('BUS_KEYS');
});
