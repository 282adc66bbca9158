/* Which runs a replica works on, and when it gives one up as a dead letter. */

export { Admission } from './admission.ts';
export { RunPool } from './run-pool.ts';
export { Sweeper } from './sweeper.ts';
