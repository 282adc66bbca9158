import { createLifecycle, createLogger, loadConfig } from '@switchyard/platform';
import { createMockA2a } from './app.ts';
import { Config } from './config.ts';

const config = loadConfig(Config);
const log = createLogger({ app: 'mock-a2a' });
const lifecycle = createLifecycle({ log, drainTimeoutMs: 2_000 });
const agent = await createMockA2a(config);
lifecycle.onStop('http', () => agent.stop());
log.info({ url: agent.url }, 'mock-a2a listening');
