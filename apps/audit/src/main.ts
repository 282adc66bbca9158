import { launch, loadConfig } from '@switchyard/platform';
import { createAudit } from './app.ts';
import { Config } from './config.ts';

const config = loadConfig(Config);
await launch(() => createAudit(config).start());
