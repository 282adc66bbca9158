import { createLifecycle, createLogger, launch, loadConfig } from '@switchyard/platform';
import { createDevModel } from './app.ts';
import { Config } from './config.ts';
import { logEvent } from './log-events.ts';

const config = loadConfig(Config);
const log = createLogger({ app: 'dev-model', level: config.logLevel, levels: config.logLevels });
const lifecycle = createLifecycle({ log, drainTimeoutMs: 2_000 });
await launch(async () => {
  const model = await createDevModel(config);
  lifecycle.onStop('http', () => model.stop());
  logEvent(log, 'dev_model_listening', { url: model.url });
});
