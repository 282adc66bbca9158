/* Events of runs, in order and without holes; and events outside of runs. */

export { Follower } from './follow.ts';
export { SystemEventPublisher } from './system-event-publisher.ts';
export { subscribeSystem, subscribeWakeUps } from './subscriptions.ts';
export { parseWakeUp, settlementOf } from './wake-up.ts';
