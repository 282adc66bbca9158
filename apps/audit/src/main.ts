import { loadConfig } from '@switchyard/platform';
import { createAudit } from './app.ts';
import { Config } from './config.ts';

await createAudit(loadConfig(Config)).start();
