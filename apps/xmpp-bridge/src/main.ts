import { EXIT_CONFIG, launch, loadConfig } from '@switchyard/platform';
import { createXmppBridge } from './app.ts';
import { withArguments } from './arguments.ts';
import { Config, unknownVariables } from './config.ts';

let environment: Record<string, string | undefined> = process.env;
try {
  environment = await withArguments(process.argv.slice(2), process.env);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(EXIT_CONFIG);
}
const config = loadConfig(Config, environment);
for (const name of unknownVariables(environment)) process.stderr.write(`${name} is not known here and does nothing.\n`);
await launch(() => createXmppBridge(config).start());
