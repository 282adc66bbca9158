/* Connections of users to providers, and registrations of clients. */

export type { Connection, Connections, Login } from './connections.ts';
export type { Registration, Registrations } from './registrations.ts';
export { SqlConnections } from './sql-connections.ts';
export { SqlRegistrations } from './sql-registrations.ts';
