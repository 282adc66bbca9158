export { type BusAccess, busAccess, type BusLogin } from './bus-access.ts';
export { type BusKeys, loadBusKeys } from './bus-keys.ts';
export {
  type DatabaseLogin,
  DATABASE_SESSIONS,
  DATABASE_SETTINGS,
  databaseLogins,
  loginScript,
  loginStatements,
} from './database-access.ts';
export { guarded, type Guarded } from './guarded.ts';
export { ADMIN, asLogin, DATABASE_ROLES, type GuardedServer, passwordName } from './logins.ts';
export { natsAuthorization, natsLogins, watcherLogins, type Watchers } from './nats-access.ts';
export { Passwords } from './passwords.ts';
export { REDIS_COMMANDS, REDIS_RIGHTS, redisUsers } from './redis-access.ts';
export { stockClient } from './stock-client.ts';
export { LOG_LEVEL, NODE_FLAGS, serviceAccess, type ServiceAccess } from './service-access.ts';
