/* Which run a replica works on, and when it gives up one that ends its owners. */

export { Admission } from './admission.ts';
export { RunPool } from './run-pool.ts';
export { Sweeper } from './sweeper.ts';
