import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

/*
 * Programs that tests use and that are no part of the product (tools/<name>). The first test that needs one installs
 * it, exactly as its lock file says and without running its scripts. Where several test processes need it, one installs
 * and the others wait.
 */

const TOOLS = new URL('../../../tools/', import.meta.url).pathname;
const INSTALL_LIMIT_MS = 240_000;
const MAX_OUTPUT_BYTES = 64 * 1024 ** 2;
const run = promisify(execFile);

/**
 * A Python in which the packages of `tools/<name>/requirements.txt` are, and those alone. Rejects where there is no
 * Python with venv, or the packages cannot be had.
 */
export async function installedPython(name: string): Promise<string> {
  const directory = join(TOOLS, name);
  const requirements = join(directory, 'requirements.txt');
  const wanted = createHash('sha256')
    .update(await readFile(requirements))
    .digest('hex');
  const place = join(directory, '.venv');
  const stamp = join(place, '.installed');
  const isThere = async () => (await readFile(stamp, 'utf8').catch(() => '')) === wanted;
  const python = join(place, 'bin/python');
  const limits = { timeout: INSTALL_LIMIT_MS, maxBuffer: MAX_OUTPUT_BYTES };
  const packages = ['-m', 'pip', 'install', '--quiet', '--no-deps', '--only-binary', ':all:', '-r', requirements];
  if (!(await isThere()))
    await alone(join(directory, '.installing'), isThere, async () => {
      await run('python3', ['-m', 'venv', '--clear', place], limits);
      await run(python, packages, limits);
      await writeFile(stamp, wanted);
    });
  return python;
}

/** The folder `tools/<name>`, once its packages are in its `node_modules`. Rejects where npm cannot install them. */
export async function installedSuite(name: string): Promise<string> {
  const directory = join(TOOLS, name);
  const wanted = createHash('sha256')
    .update(await readFile(join(directory, 'package-lock.json')))
    .digest('hex');
  const stamp = join(directory, 'node_modules', '.installed');
  const isThere = async () => (await readFile(stamp, 'utf8').catch(() => '')) === wanted;
  if (!(await isThere())) await alone(join(directory, '.installing'), isThere, () => install(directory, stamp, wanted));
  return directory;
}

async function install(directory: string, stamp: string, wanted: string): Promise<void> {
  const npm = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline'];
  await run('npm', npm, { cwd: directory, timeout: INSTALL_LIMIT_MS, maxBuffer: MAX_OUTPUT_BYTES });
  await writeFile(stamp, wanted);
}

/**
 * Creating a directory succeeds in one process alone. The directory of a process that died is ignored after a while.
 */
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
  throw new Error(`${lock}: the packages could not be installed in time`);
}
