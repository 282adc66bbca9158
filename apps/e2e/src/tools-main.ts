import { appendFileSync } from 'node:fs';
import { Config, createMcpTool } from '@switchyard/mcp-tool';
import { loadConfig } from '@switchyard/platform';
import { testTools } from './test-tools.ts';

/** mcp-tool as a process of its own, with the tools for tests; each effect is one line in a file. */

const file = process.env['E2E_EFFECTS_FILE'];
if (!file) throw new Error('E2E_EFFECTS_FILE names the file to write effects to');
const tools = testTools((key) => appendFileSync(file, `${key}\n`));
await createMcpTool(loadConfig(Config), { tools }).start();
