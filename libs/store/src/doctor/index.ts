/* The diagnosis of the database: its migrations, logins and rights. */

export { judgeMigrations, judgeReached, judgeRights } from './judges.ts';
export { probeDatabase, probeMigrations } from './probe.ts';
