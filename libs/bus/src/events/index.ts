/* Events of runs, in order and without holes. */

export { Follower } from './follow.ts';
export { subscribeSystem, subscribeWakeUps } from './subscriptions.ts';
export { parseWakeUp, settlementOf } from './wake-up.ts';
