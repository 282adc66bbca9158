import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { ServerProcess } from '../src/process.ts';

const dir = mkdtempSync(join(tmpdir(), 'switchyard-process-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

async function ran(script: string, env?: Record<string, string>): Promise<string> {
  const log = join(dir, `${Math.random()}.log`);
  const child = new ServerProcess({
    name: 'script',
    command: '/bin/sh',
    args: ['-c', script],
    cwd: dir,
    log,
    stopSignal: 'SIGTERM',
    ...(env ? { env } : {}),
  });
  await child.exited;
  expect(statSync(log).mode & 0o777).toBe(0o600);
  return readFileSync(log, 'utf8');
}

describe('a server process', () => {
  it('sees nothing of our environment but what every program needs', async () => {
    process.env['VAULT_KEYS'] = 'canary-of-the-vault';
    try {
      const seen = await ran('env');
      expect(seen).toContain(`PATH=${process.env['PATH']}`);
      expect(seen).not.toContain('canary-of-the-vault');
      expect(await ran('env', { OWN: 'its own' })).toContain('OWN=its own');
    } finally {
      delete process.env['VAULT_KEYS'];
    }
  });

  it('writes files and folders that other accounts cannot read, and leaves our own umask as it is', async () => {
    const before = process.umask(0o022);
    try {
      await ran('mkdir made && echo > made/file');
      expect(statSync(join(dir, 'made')).mode & 0o777).toBe(0o700);
      expect(statSync(join(dir, 'made', 'file')).mode & 0o777).toBe(0o600);
      expect(process.umask()).toBe(0o022);
    } finally {
      process.umask(before);
    }
  });
});
