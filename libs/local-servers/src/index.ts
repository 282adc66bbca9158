export {
  findPostgresBin,
  findProgram,
  OPTIONAL_PACKAGES,
  SERVERS,
  type ServerDescription,
  type ServerName,
  TEST_PACKAGES,
} from '../binaries.mjs';
export {
  ADMIN,
  asLogin,
  type BusAccess,
  busAccess,
  type BusKeys,
  type BusLogin,
  type DatabaseLogin,
  databaseLogins,
  DATABASE_ROLES,
  DATABASE_SESSIONS,
  DATABASE_SETTINGS,
  guarded,
  type Guarded,
  type GuardedServer,
  loadBusKeys,
  LOG_LEVEL,
  loginScript,
  natsLogins,
  natsAuthorization,
  NODE_FLAGS,
  Passwords,
  passwordName,
  REDIS_COMMANDS,
  REDIS_RIGHTS,
  redisUsers,
  serviceAccess,
  type ServiceAccess,
  stockClient,
  watcherLogins,
  type Watchers,
} from './access/index.ts';
export { accountFor, dataFolder } from './account.ts';
export {
  ARCHIVE_SETTINGS,
  type BackupDone,
  type BackupManifest,
  boundWalArchive,
  ensureArchiveFolder,
  ensureRestorable,
  forgetWalArchive,
  generationOf,
  manifestOf,
  megabytes,
  reachOf,
  recoverBackup,
  type Recovered,
  type RecordFacts,
  type RestoreStage,
  type Stage,
  startWalArchive,
  takeBackup,
  UnusableBackup,
  type WalArchive,
  walOf,
} from './backup/index.ts';
export { developmentCertificate, type DevelopmentCertificate } from './development-certificate.ts';
export { ejabberdIsInstalled, type EjabberdOptions, type EjabberdServer, startEjabberd } from './ejabberd.ts';
export type { GuardedLocalServer, GuardedOptions, LocalServer, ServerOptions } from './local-server.ts';
export { type NatsOptions, startNats } from './nats.ts';
export { freePort, isPortFree } from './ports.ts';
export { ensureLogins, type PostgresOptions, startPostgres } from './postgres.ts';
export { tlsQuery } from './postgres-tls.ts';
export { logTail, type ProcessOptions, processStartTime, ServerProcess } from './process.ts';
export { prosodyConfig, type ProsodyOptions, type ProsodyServer, startProsody } from './prosody.ts';
export { startRedis } from './redis.ts';
export {
  type NatsCluster,
  type PostgresPair,
  type RedisSentinels,
  startNatsCluster,
  startPostgresPair,
  startRedisSentinels,
} from './replicated/index.ts';
export {
  type CertificateFiles,
  certificatesIn,
  issueCertificates,
  newAuthority,
  type StackCertificates,
  stackCertificates,
} from './stack-certificates.ts';
export type { Authority } from './x509.ts';
export { type Servers, startServers, type StartServersOptions } from './servers.ts';
export { NEWEST_NATS_VERSION, newestNatsServer } from './newest-nats.ts';
