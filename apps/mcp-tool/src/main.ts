import { loadConfig } from '@switchyard/platform';
import { createMcpTool } from './app.ts';
import { Config } from './config.ts';

await createMcpTool(loadConfig(Config)).start();
