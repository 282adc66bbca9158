import { loadConfig } from '@switchyard/platform';
import { startMcpTool } from './app.ts';
import { Config } from './config.ts';

await startMcpTool(loadConfig(Config));
