/* Leases: one holder at a time. */

export { HeldLease, type Lease, type LeaseEntry, type LeaseOptions, type LeaseRegister } from './lease.ts';
