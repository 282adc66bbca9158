import { join } from 'node:path';
import { installedSuite } from './installed-suite.ts';

/**
 * Deno, for what runs in it: of tools/deno-suite (90 MB, Linux on x64). Undefined where it cannot be had, and then it is said:
 * tests of it are left out.
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
