import { loadConfig } from '@switchyard/platform';
import { createOrchestrator } from './app.ts';
import { Config } from './config.ts';

await createOrchestrator(loadConfig(Config)).start();
