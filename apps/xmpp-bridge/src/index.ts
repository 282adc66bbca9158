export { createXmppBridge } from './app.ts';
export { type BridgeConfig, Config } from './config.ts';
