import { loadConfig } from '@switchyard/platform';
import { createA2a } from './app.ts';
import { Config } from './config.ts';

await createA2a(loadConfig(Config)).start();
