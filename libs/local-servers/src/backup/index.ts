export { manifestOf } from './archive.ts';
export { type BackupDone, megabytes, type Stage, takeBackup } from './base-backup.ts';
export { generationOf } from './generation.ts';
export { type BackupManifest, RecordFacts, UnusableBackup } from './manifest.ts';
export { ensureRestorable, recoverBackup, type Recovered, type RestoreStage } from './recover.ts';
export {
  ARCHIVE_SETTINGS,
  boundWalArchive,
  ensureArchiveFolder,
  forgetWalArchive,
  startWalArchive,
  type WalArchive,
  walOf,
} from './wal-archive.ts';
export { reachOf } from './wal-segments.ts';
export { programOf, reachedBy, runProgram } from './programs.ts';
