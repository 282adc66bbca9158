/* What is broken, and when. */

export { FAULT_NAMES, type FaultName, FAULTS, planFaults } from './faults.ts';
export { Nemesis } from './nemesis.ts';
