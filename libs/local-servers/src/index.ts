export {
  findPostgresBin,
  findProgram,
  SERVERS,
  type ServerDescription,
  type ServerName,
  TEST_PACKAGES,
} from '../binaries.mjs';
export { developmentCertificate, type DevelopmentCertificate } from './development-certificate.ts';
export { ejabberdIsInstalled, type EjabberdOptions, type EjabberdServer, startEjabberd } from './ejabberd.ts';
export type { LocalServer, ServerOptions } from './local-server.ts';
export { type NatsOptions, startNats } from './nats.ts';
export { freePort, isPortFree } from './ports.ts';
export { type DatabaseLogin, ensureLogins, type PostgresOptions, startPostgres } from './postgres.ts';
export { logTail, type ProcessOptions, processStartTime, ServerProcess } from './process.ts';
export { prosodyConfig, type ProsodyOptions, type ProsodyServer, startProsody } from './prosody.ts';
export { startRedis } from './redis.ts';
export { type Servers, startServers, type StartServersOptions } from './servers.ts';
