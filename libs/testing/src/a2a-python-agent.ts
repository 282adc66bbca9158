import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { installedPython } from './installed-suite.ts';

export interface A2aPythonAgent {
  readonly url: string;
  stop(): Promise<void>;
}

const START_LIMIT_MS = 120_000;
const AGENT = new URL('../../../tools/a2a-suite/agent.py', import.meta.url).pathname;
/** The seed of the key that signs its card. */
const SEED = '05'.repeat(32);

/**
 * An agent written with the official A2A SDK for Python (tools/a2a-suite). Undefined where it cannot be had, and then it
 * is said: tests of it are left out.
 */
export async function a2aPythonAgent(): Promise<A2aPythonAgent | undefined> {
  try {
    const child = spawn(await installedPython('a2a-suite'), [AGENT, SEED], { stdio: ['ignore', 'pipe', 'inherit'] });
    const stop = async (): Promise<void> => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    };
    try {
      return { url: await addressOf(child), stop };
    } catch (error) {
      await stop();
      throw error;
    }
  } catch (error) {
    process.stderr.write(`  not tested: an agent of the A2A SDK for Python: ${String(error).slice(0, 300)}\n`);
    return undefined;
  }
}

async function addressOf(child: ChildProcess): Promise<string> {
  const lines = createInterface({ input: child.stdout! });
  const signal = AbortSignal.timeout(START_LIMIT_MS);
  const [line] = (await Promise.race([
    once(lines, 'line', { signal }),
    once(child, 'exit', { signal }).then(() => Promise.reject(new Error('it ended before it listened'))),
  ])) as [string];
  return (JSON.parse(line) as { url: string }).url;
}
