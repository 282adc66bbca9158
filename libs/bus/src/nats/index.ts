/* The bus over NATS. */

export { connectBus, type ConnectOptions } from './bus.ts';
export { differences, standsAhead, WANTED_OF_EVERY_CONSUMER } from './pull.ts';
export { ignoredOptions, toBucketConfig, toStreamConfig } from './streams.ts';
export { parseUrl } from './server-url.ts';
