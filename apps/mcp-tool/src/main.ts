import { launch, loadConfig } from '@switchyard/platform';
import { createMcpTool } from './app.ts';
import { Config } from './config.ts';

const config = loadConfig(Config);
await launch(() => createMcpTool(config).start());
