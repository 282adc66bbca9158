/* The faults of a round, and when they strike. */

export { FAULT_NAMES, type FaultName, FAULTS, planFaults } from './faults.ts';
export { Nemesis } from './nemesis.ts';
