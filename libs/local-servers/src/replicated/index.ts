/* Servers of which one may be lost: what production has, for tests of a failover. */

export { type NatsCluster, startNatsCluster } from './nats-cluster.ts';
export { type PostgresPair, startPostgresPair } from './postgres-pair.ts';
export { type RedisSentinels, startRedisSentinels } from './redis-sentinel.ts';
