import { mkdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Recovered } from '@switchyard/local-servers';
import type { RecordFacts, Soundness } from '@switchyard/store';
import { textOption } from '../command-line/arguments.ts';
import { closeState } from '../environment/closed-state.ts';
import { logFile, type Workspace } from '../environment/workspace.ts';
import { findingsOf, reachesTo, reportLines, type RestoreReport } from './restore-report.ts';
import { ensureReplaceable, ensureStopped, takePlace } from './restored-data.ts';
import { askRestoredStack } from './restored-stack.ts';
import { ensureStack } from '../stack/index.ts';
import { stageLine } from '../command-line/stage-line.ts';
import { EXIT, UserError } from '../terminal/user-error.ts';
import { progressListener, stackEnvironment, type VerbContext } from '../command-line/verb.ts';

const DEFAULT_WAIT_SECONDS = 60;
const MOST_WAIT_SECONDS = 3_600;
/** A time without its zone means another moment on another machine. */
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)$/;

/** The moment of `--to`. Throws a message for people. */
export function momentOf(text: string | undefined): Date | undefined {
  if (text === undefined) return undefined;
  const moment = TIME.test(text) ? new Date(text) : undefined;
  if (!moment || Number.isNaN(moment.getTime()))
    throw new UserError(`--to takes a time with its zone, such as ${new Date(0).toISOString()}.`, EXIT.usage);
  return moment;
}

function waitMsOf(text: string | undefined): number {
  const seconds = Number(text ?? DEFAULT_WAIT_SECONDS);
  if (!(seconds >= 0 && seconds <= MOST_WAIT_SECONDS))
    throw new UserError(`--wait takes seconds, 0 to ${MOST_WAIT_SECONDS}.`, EXIT.usage);
  return seconds * 1_000;
}

interface Prepared {
  readonly recovered: Recovered;
  readonly restored: RecordFacts;
  readonly sound: Soundness;
  readonly report: RestoreReport;
}

/** Creates and checks a cluster from the backup in `dir`, out of reach of other processes. */
async function prepare(context: VerbContext, file: string, dir: string): Promise<Prepared> {
  const { workspace, values, environment } = context;
  const [{ recoverBackup, UnusableBackup }, { recordFacts, soundness }] = await Promise.all([
    import('@switchyard/local-servers'),
    import('@switchyard/store'),
  ]);
  const walDir = textOption(values, 'wal') ?? environment['WAL_ARCHIVE_DIR'];
  let found: { restored: RecordFacts; sound: Soundness } | undefined;
  const recovered = await recoverBackup({
    file,
    dir,
    walDir: walDir ? resolve(walDir) : undefined,
    to: momentOf(textOption(values, 'to')),
    log: logFile(workspace, 'restore'),
    onStage: stageLine(context),
    inspect: async (url) => {
      found = { restored: await recordFacts(url), sound: await soundness(url) };
    },
  }).catch((error: unknown) => {
    if (error instanceof UnusableBackup) throw new UserError(error.message);
    throw new UserError(`${file} was not restored, and nothing here was changed: ${(error as Error).message}`);
  });
  const { restored, sound } = found!;
  const { manifest, wal } = recovered;
  const report = {
    file,
    backupOf: manifest.finishedAt,
    reachesTo: reachesTo(recovered),
    wal,
    before: manifest.record,
    restored,
    findings: findingsOf(manifest.record, restored, sound),
    unfinished: sound.unfinished.length,
    seconds: recovered.seconds,
  };
  return { recovered, restored, sound, report };
}

function tell({ values, print }: VerbContext, report: RestoreReport, isRehearsal: boolean): number {
  if (values['json'] === true) print(JSON.stringify({ rehearsal: isRehearsal, ...report }, null, 2));
  else for (const line of reportLines(report, isRehearsal)) print(line);
  return report.findings.length === 0 ? EXIT.ok : EXIT.failed;
}

function stagingIn(workspace: Workspace): string {
  closeState(workspace);
  mkdirSync(workspace.logDir, { recursive: true, mode: 0o700 });
  return join(workspace.state, 'data', `restored-${process.pid}`);
}

/** `restore FILE`: the data of this clone from a backup; with --rehearse only the proof that it could be. */
export async function restore(context: VerbContext): Promise<number> {
  const { workspace, positionals, values, remark } = context;
  const [said] = positionals;
  if (!said) throw new UserError('Which backup? ./switchyard restore FILE', EXIT.usage);
  const file = resolve(said);
  const waitMs = waitMsOf(textOption(values, 'wait'));
  momentOf(textOption(values, 'to'));
  if (values['rehearse'] === true) return rehearse(context, file);
  ensureStopped(workspace);
  ensureReplaceable(workspace, values['replace'] === true);
  const dir = stagingIn(workspace);
  const { recovered, sound, report } = await prepare(context, file, dir);
  if (report.findings.length > 0) {
    removeAll(dir, recovered.dir);
    tell(context, report, false);
    throw new UserError('Nothing here was changed: what the backup holds is not as it must be.');
  }
  const keptAt = takePlace(workspace, dir);
  const done: RestoreReport = { ...report, ...(keptAt ? { keptAt } : {}) };
  if (values['no-start'] === true) return tell(context, done, false);

  remark('  start ...');
  const began = performance.now();
  await ensureStack(workspace, stackEnvironment(context), progressListener(context));
  const start = Math.round(performance.now() - began) / 1_000;
  const started = await askRestoredStack(workspace, sound, waitMs);
  const findings =
    sound.sample && !started.readable ? [`run ${sound.sample.runId} of before the backup is not readable`] : [];
  const code = tell(context, { ...done, findings, started, seconds: { ...done.seconds, start } }, false);
  remark('The history of the WAL archive begins anew: take a backup now (./switchyard backup).');
  return code;
}

async function rehearse(context: VerbContext, file: string): Promise<number> {
  const dir = stagingIn(context.workspace);
  const { recovered, report } = await prepare(context, file, dir);
  removeAll(dir, recovered.dir);
  return tell(context, report, true);
}

function removeAll(...folders: readonly string[]): void {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
}
