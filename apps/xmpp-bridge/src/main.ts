import { loadConfig } from '@switchyard/platform';
import { startXmppBridge } from './app.ts';
import { Config } from './config.ts';

await startXmppBridge(loadConfig(Config));
