import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { basicVariables, type Environment } from './allowed-variables.ts';
import type { Workspace } from './workspace.ts';

const run = promisify(execFile);
const LIMIT_MS = 20_000;
const Names = z.array(z.string());

/**
 * The variables that the operator's files of MCP servers and providers name, as mcp-tool reads those files. Without such a
 * file nobody is asked.
 */
export async function namedVariables(workspace: Workspace, given: Environment): Promise<readonly string[]> {
  const files = { MCP_UPSTREAMS: given['MCP_UPSTREAMS'], AUTH_PROVIDERS_FILE: given['AUTH_PROVIDERS_FILE'] };
  const reader = join(workspace.root, 'apps', 'mcp-tool', 'dist', 'file-variables-main.js');
  if (!Object.values(files).some(Boolean) || !existsSync(reader)) return [];
  const env = { ...basicVariables(given), ...files };
  const { stdout } = await run(process.execPath, [reader], { cwd: workspace.root, env, timeout: LIMIT_MS });
  return Names.parse(JSON.parse(stdout));
}
