import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from '@jest/globals';

/*
 * The drill of docs/ha-dr.md with everything real: services, servers and the command, as `up --tls` starts them. bench/restore.mjs is the drill; what
 * it reports is held here.
 */

const repository = fileURLToPath(new URL('../../..', import.meta.url));
const run = promisify(execFile);
const LIMIT_MS = 900_000;
/** The archive follows PostgreSQL within moments; this is how much a busy machine may make of them. */
const ARCHIVED_WITHIN_MS = 5_000;

interface Drill {
  readonly accepted: number;
  readonly acceptedBeforeBackup: number;
  readonly rpoMs: number;
  readonly archiveSegments: number;
  readonly unfinished: number;
  readonly unfinishedEnded: number;
  readonly readable?: string;
  readonly findings: readonly string[];
  readonly fileMode: string;
}

describe('a stack whose machine dies with its disk', () => {
  let drill: Drill;

  beforeAll(async () => {
    await run(process.execPath, [join(repository, 'node_modules/typescript-7/bin/tsc'), '-b'], { cwd: repository });
    const script = join(repository, 'bench/restore.mjs');
    const { stdout } = await run(process.execPath, [script, '--seconds', '4', '--tls', '--json'], {
      timeout: LIMIT_MS,
    });
    drill = JSON.parse(stdout) as Drill;
  }, LIMIT_MS);

  it('loses no accepted run that its WAL archive had', () => {
    expect(drill.accepted).toBeGreaterThan(drill.acceptedBeforeBackup);
    expect(drill.archiveSegments).toBeGreaterThan(0);
    expect(drill.rpoMs).toBeLessThan(ARCHIVED_WITHIN_MS);
  });

  it('comes back whole: journals without a hole, and a run of before the backup is readable', () => {
    expect(drill.findings).toEqual([]);
    expect(drill.readable).toEqual(expect.any(String));
  });

  it('picks up what was accepted and had not ended, and ends it', () => {
    expect(drill.unfinishedEnded).toBe(drill.unfinished);
  });

  it('had a backup that other accounts could not read', () => {
    expect(drill.fileMode).toBe('600');
  });
});
