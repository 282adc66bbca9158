import { describe, expect, it } from '@jest/globals';
import type { BackupManifest } from '@switchyard/local-servers';
import type { RecordFacts, Soundness } from '@switchyard/store';
import { findingsOf, reachesTo, reportLines, type RestoreReport } from './restore-report.ts';

const facts = (more: Partial<RecordFacts> = {}): RecordFacts => ({
  migrations: ['1_tables'],
  runs: { total: 3, ended: 2, unfinished: 1, waiting: 0 },
  events: 40,
  auditRecords: 50,
  effects: { total: 1, open: 1, inDoubt: 0 },
  vaultKeys: ['first'],
  ...more,
});
const sound = (more: Partial<Soundness> = {}): Soundness => ({
  broken: [],
  unknownMigrations: [],
  missingMigrations: [],
  sample: undefined,
  unfinished: ['R'],
  ...more,
});
const report: RestoreReport = {
  file: '/b.tar.gz',
  backupOf: '2026-01-01T00:00:00.000Z',
  reachesTo: '2026-01-01T00:05:00.000Z',
  wal: { used: 2, unreachable: 1 },
  before: facts(),
  restored: facts(),
  findings: [],
  unfinished: 1,
  seconds: { unpack: 1, verify: 0.2, recover: 3 },
};

describe('the report of a restore', () => {
  it('finds nothing wrong with what has at least what the backup says', () => {
    expect(findingsOf(facts(), facts({ auditRecords: 51 }), sound())).toEqual([]);
  });

  it('never calls a restore good that lost records, has a hole in a journal, or is of a later version', () => {
    expect(findingsOf(facts(), facts({ auditRecords: 49 }), sound())).toEqual([
      'records of the audit log: 49, and the backup says 50',
    ]);
    expect(findingsOf(facts(), facts(), sound({ broken: ['R1'] }))).toEqual(['journals with a hole: R1']);
    expect(findingsOf(facts(), facts(), sound({ unknownMigrations: ['9_new'] }))[0]).toMatch(/later version.*9_new/);
  });

  it('says how far it reaches: the last commit, and never before the backup began', () => {
    const manifest = { startedAt: '2026-01-01T00:00:00.000Z' } as BackupManifest;
    expect(reachesTo({ manifest, lastCommit: '2026-01-01 00:05:00.25+00' })).toBe('2026-01-01T00:05:00.250Z');
    expect(reachesTo({ manifest, lastCommit: '2025-12-31 23:59:00+00' })).toBe(manifest.startedAt);
    expect(reachesTo({ manifest, lastCommit: undefined })).toBe(manifest.startedAt);
  });

  it('tells of effects that were under way, of WAL beyond a hole and of the keys that are needed', () => {
    const text = reportLines(report, true).join('\n');
    expect(text).toMatch(/1 effects were under way/);
    expect(text).toMatch(/1 segments of the WAL archive lie behind a hole/);
    expect(text).toMatch(/vault's keys first/);
  });
});
