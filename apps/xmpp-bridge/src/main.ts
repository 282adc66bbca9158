import { loadConfig } from '@switchyard/platform';
import { createXmppBridge } from './app.ts';
import { Config } from './config.ts';

await createXmppBridge(loadConfig(Config)).start();
