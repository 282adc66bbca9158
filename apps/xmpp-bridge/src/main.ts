import { EXIT_CONFIG, loadConfig } from '@switchyard/platform';
import { createXmppBridge } from './app.ts';
import { Config, withArguments } from './config.ts';

let environment = process.env;
try {
  environment = withArguments(process.argv.slice(2), process.env);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(EXIT_CONFIG);
}
await createXmppBridge(loadConfig(Config, environment)).start();
