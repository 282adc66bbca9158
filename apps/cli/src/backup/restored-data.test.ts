import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Workspace, workspaceOf, writeJson } from '../environment/workspace.ts';
import { identityOf } from '../environment/process-files.ts';
import { ensureReplaceable, ensureStopped, takePlace } from './restored-data.ts';
import { momentOf } from './verb-restore.ts';
import { targetOf } from './verb-backup.ts';

describe('restored data', () => {
  let workspace: Workspace;
  const put = (path: string, text = ''): void => {
    const file = join(workspace.state, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  };
  beforeEach(() => {
    workspace = workspaceOf(mkdtempSync(join(tmpdir(), 'switchyard-restored-')));
    put('data/restored/data/PG_VERSION', 'new');
  });
  afterEach(() => rmSync(workspace.root, { recursive: true, force: true }));
  const staged = (): string => join(workspace.state, 'data', 'restored');

  it('never replaces a database that is there unasked', () => {
    put('data/postgres/data/PG_VERSION', 'old');
    expect(() => ensureReplaceable(workspace, false)).toThrow(/has data already, and nothing was done. With --replace/);
    expect(() => ensureReplaceable(workspace, true)).not.toThrow();
  });

  it('never moves anything while a process of the clone lives', () => {
    writeJson(workspace.pidsFile, { processes: [{ name: 'postgres', ...identityOf(process.pid) }] });
    expect(() => ensureStopped(workspace)).toThrow(/A stack runs in this clone/);
    expect(() => takePlace(workspace, staged())).toThrow(/A stack runs in this clone/);
    expect(existsSync(staged())).toBe(true);
  });

  it('keeps what was there, and with an older database nothing of NATS and Redis', () => {
    put('data/postgres/data/PG_VERSION', 'old');
    put('data/nats/jetstream/x', 'of a later moment');
    put('data/redis/x', 'of a later moment');
    put('stamps/migrations', 'applied');
    const aside = takePlace(workspace, staged(), new Date(0));
    expect(aside).toBe(join(workspace.state, 'data-before-19700101T000000Z'));
    expect(readFileSync(join(aside!, 'postgres/data/PG_VERSION'), 'utf8')).toBe('old');
    expect(existsSync(join(aside!, 'nats/jetstream/x'))).toBe(true);
    expect(readFileSync(join(workspace.state, 'data/postgres/data/PG_VERSION'), 'utf8')).toBe('new');
    for (const path of ['data/nats', 'data/redis', 'stamps/migrations'])
      expect(existsSync(join(workspace.state, path))).toBe(false);
  });

  it('puts nothing aside in a clone that has nothing', () => {
    expect(takePlace(workspace, staged())).toBeUndefined();
  });

  it('takes moments with their zone alone', () => {
    expect(momentOf('2027-01-31T12:00:00+01:00')?.toISOString()).toBe('2027-01-31T11:00:00.000Z');
    for (const wrong of ['2027-01-31T12:00:00', 'yesterday', '2027-13-31T12:00:00Z'])
      expect(() => momentOf(wrong)).toThrow(/--to takes a time with its zone/);
  });

  it('names a backup by its time where a folder is named, and overwrites none', () => {
    const now = new Date(0);
    expect(targetOf(workspace, undefined, now)).toBe(
      join(workspace.state, 'backups', 'switchyard-19700101T000000Z.tar.gz'),
    );
    expect(targetOf(workspace, workspace.root, now)).toBe(join(workspace.root, 'switchyard-19700101T000000Z.tar.gz'));
    put('mine.tar.gz');
    expect(() => targetOf(workspace, join(workspace.state, 'mine.tar.gz'), now)).toThrow(/overwrites nothing/);
  });
});
