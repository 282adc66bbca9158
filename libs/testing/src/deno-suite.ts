import { join } from 'node:path';
import { installedSuite } from './installed-suite.ts';

/**
 * Deno, for tests of code that runs in it: installed in tools/deno-suite (90 MB, Linux on x64). Undefined where npm
 * cannot install it; then the run says so, and its tests are skipped.
 */
export async function denoProgram(): Promise<string | undefined> {
  try {
    if (`${process.platform} ${process.arch}` !== 'linux x64') throw new Error('it is fetched for Linux on x64 alone');
    return join(await installedSuite('deno-suite'), 'node_modules/@deno/linux-x64-glibc/deno');
  } catch (error) {
    process.stderr.write(`  not tested: what runs in Deno, which cannot be had: ${String(error).slice(0, 300)}\n`);
    return undefined;
  }
}
