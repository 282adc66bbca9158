export { startXmppBridge, type XmppBridge, type XmppBridgeOverrides } from './app.ts';
export { type BridgeConfig, Config } from './config.ts';
