import { randomBytes } from 'node:crypto';
import { ulid } from 'ulid';

const POOL_BYTES = 4_096;
let pool = Buffer.alloc(0);
let used = 0;

/** A random byte as a fraction; drawn in bulk, since a system call for each would be most of the cost. */
function fraction(): number {
  if (used >= pool.length) {
    pool = randomBytes(POOL_BYTES);
    used = 0;
  }
  return pool[used++]! / 256;
}

/** A new run id: a ULID, so that ids sort by time. */
export function mintRunId(): string {
  return ulid(undefined, fraction);
}
