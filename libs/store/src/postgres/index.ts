/* The connection to PostgreSQL. */

export { Batcher } from './batcher.ts';
export { isUndone } from './errors.ts';
export { primaryUrl, serverUrls } from './hosts.ts';
export { migrateDatabase, migrations } from './migrate.ts';
export { attempt, ONCE, openPool, row, rows, type Statement } from './pool.ts';
export { type GetPrisma, lazyPrisma } from './prisma.ts';
export { endedOf, type RecordFacts, recordFacts, type Soundness, soundness } from './record-facts.ts';
