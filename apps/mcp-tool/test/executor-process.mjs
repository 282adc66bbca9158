import { appendFileSync, existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Config, createMcpTool } from '@switchyard/mcp-tool';
import { createLogger, loadConfig } from '@switchyard/platform';
import { effectTools } from './effect-tools.mjs';

/*
 * A replica in a process of its own, to be killed or stopped in the middle of a call: its tools write down their effect
 * and then hold on until the file HOLD_UNTIL is there.
 */
const { EFFECT_LOG: log, HOLD_UNTIL: release } = /** @type {Record<string, string>} */ (process.env);

const tools = effectTools(async (line) => {
  appendFileSync(log, `${line}\n`);
  while (!existsSync(release)) await sleep(20);
});
const quiet = createLogger({ app: 'mcp-tool', level: 'silent' });
await createMcpTool(loadConfig(Config), { log: quiet, tools }).start();
process.stdout.write('ready\n');
