import { launch, loadConfig } from '@switchyard/platform';
import { createComputerUse } from './app.ts';
import { Config } from './config.ts';

const config = loadConfig(Config);
await launch(() => createComputerUse(config).start());
