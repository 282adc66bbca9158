import { launch, loadConfig } from '@switchyard/platform';
import { createOrchestrator } from './app.ts';
import { Config } from './config.ts';

const config = loadConfig(Config);
await launch(() => createOrchestrator(config).start());
