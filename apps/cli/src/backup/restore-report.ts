import type { Recovered } from '@switchyard/local-servers';
import type { RecordFacts, Soundness } from '@switchyard/store';

/** The report of a restore, or of its rehearsal; `--json` prints it unchanged. */
export interface RestoreReport {
  readonly file: string;
  readonly backupOf: string;
  /** The last change that is in it: of the WAL archive where that was used, else the backup's own moment. */
  readonly reachesTo: string;
  readonly wal: Recovered['wal'];
  readonly before: RecordFacts;
  readonly restored: RecordFacts;
  readonly findings: readonly string[];
  readonly unfinished: number;
  readonly seconds: Readonly<Record<string, number>>;
  readonly keptAt?: string;
  /** Only where the stack was started. */
  readonly started?: {
    readonly readable?: string;
    readonly ended: number;
    readonly waitedSeconds: number;
    readonly effectsInDoubt: number;
  };
}

/** The problems after a restore; empty if there are none. Pure. */
export function findingsOf(before: RecordFacts, restored: RecordFacts, sound: Soundness): string[] {
  const fewer = (name: string, was: number, is: number): string[] =>
    is < was ? [`${name}: ${is}, and the backup says ${was}`] : [];
  const newer = sound.unknownMigrations;
  return [
    ...(newer.length > 0
      ? [`the backup is of a later version of Switchyard (migration ${newer.at(-1)}): update first`]
      : []),
    ...(sound.broken.length > 0 ? [`journals with a hole: ${sound.broken.slice(0, 5).join(', ')}`] : []),
    ...fewer('records of the audit log', before.auditRecords, restored.auditRecords),
    ...fewer('migrations', before.migrations.length, restored.migrations.length),
  ];
}

/** The newest moment that was restored, for people and for RPO. Pure. */
export function reachesTo({ manifest, lastCommit }: Pick<Recovered, 'manifest' | 'lastCommit'>): string {
  const commit =
    lastCommit === undefined ? NaN : Date.parse(lastCommit.replace(' ', 'T').replace(/([+-]\d\d)$/, '$1:00'));
  const atLeast = Date.parse(manifest.startedAt);
  return new Date(Number.isNaN(commit) ? atLeast : Math.max(commit, atLeast)).toISOString();
}

/** The report for people. Pure. */
export function reportLines(report: RestoreReport, isRehearsal: boolean): string[] {
  const { restored, wal, seconds, started } = report;
  const { runs, effects } = restored;
  const times = Object.entries(seconds).map(([stage, s]) => `${stage} ${s.toFixed(1)} s`);
  return [
    `${isRehearsal ? 'Rehearsed' : 'Restored'}: ${report.file}`,
    `  backup of ${report.backupOf}; ${wal.used} segments of WAL after it; last change ${report.reachesTo}`,
    `  ${runs.total} runs (${runs.ended} ended, ${runs.waiting} waiting for people, ${report.unfinished} to be picked up), ${restored.events} events, ${restored.auditRecords} records of the audit log`,
    `  ${times.join(', ')}`,
    ...(wal.unreachable > 0
      ? [`  ${wal.unreachable} segments of the WAL archive lie behind a hole and could not be used.`]
      : []),
    ...report.findings.map((finding) => `  WRONG: ${finding}`),
    ...(report.keptAt ? [`  What was here before is kept in ${report.keptAt}`] : []),
    ...(started?.readable ? [`  Run ${started.readable}, of before the backup, is readable.`] : []),
    ...(started && report.unfinished > 0
      ? [`  ${started.ended} of ${report.unfinished} unfinished runs have ended after ${started.waitedSeconds} s.`]
      : []),
    ...(effects.open > 0 && !started
      ? [`  ${effects.open} effects were under way: those of keyed tools are repeated, the rest become in doubt.`]
      : []),
    ...(started && started.effectsInDoubt > 0
      ? [`  ${started.effectsInDoubt} effects are in doubt; a person decides: ./switchyard effects --state in_doubt`]
      : []),
    ...(restored.vaultKeys.length > 0
      ? [`  Credentials of users open with the vault's keys ${restored.vaultKeys.join(', ')}: set VAULT_KEYS to those.`]
      : []),
  ];
}
