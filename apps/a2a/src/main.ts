import { launch, loadConfig } from '@switchyard/platform';
import { createA2a } from './app.ts';
import { Config } from './config.ts';

const config = loadConfig(Config);
await launch(() => createA2a(config).start());
