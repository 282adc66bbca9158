import { loadConfig } from '@switchyard/platform';
import { startOrchestrator } from './app.ts';
import { Config } from './config.ts';

await startOrchestrator(loadConfig(Config));
