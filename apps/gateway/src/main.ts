import 'reflect-metadata';
import { createLifecycle, createLogger, launch, loadConfig } from '@switchyard/platform';
import { createGateway } from './app.ts';
import { Config } from './config.ts';

const config = loadConfig(Config);
const log = createLogger({ app: 'gateway', level: config.logLevel, levels: config.logLevels });
const lifecycle = createLifecycle({ log, drainTimeoutMs: config.drainTimeoutMs + 1_000 });
const gateway = createGateway(config, { log });
lifecycle.onStop('gateway', () => gateway.stop());
await launch(() => gateway.start());
