/* Events of runs, in order and without holes. */

export { Follower } from './follow.ts';
export { hearSystem, hearWakeUps } from './hearing.ts';
export { parseWakeUp, settlementOf } from './wake-up.ts';
