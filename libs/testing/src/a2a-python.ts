import { execFile } from 'node:child_process';
import { installedPython } from './installed-suite.ts';

/** One line of what the client printed: what came, or the error that it raised. */
export type PythonLine = Readonly<Record<string, unknown>>;

export interface A2aPython {
  /** One operation of the official A2A client for Python. `onLine` is told of each line as it comes. */
  call(
    to: { readonly url: string; readonly binding: string; readonly user: string },
    operation: 'send' | 'stream' | 'subscribe' | 'get' | 'list' | 'cancel',
    params: object,
    onLine?: (line: PythonLine) => void,
  ): Promise<PythonLine[]>;
}

const CALL_LIMIT_MS = 120_000;
const CLIENT = new URL('../../../tools/a2a-suite/client.py', import.meta.url).pathname;

/**
 * The official A2A SDK for Python (tools/a2a-suite). Undefined where it cannot be had, and then it is said: tests of it
 * are left out.
 */
export async function a2aPython(): Promise<A2aPython | undefined> {
  let python: string;
  try {
    python = await installedPython('a2a-suite');
  } catch (error) {
    process.stderr.write(`  not tested: the A2A SDK for Python, which cannot be had: ${String(error).slice(0, 300)}\n`);
    return undefined;
  }
  return {
    call: ({ url, binding, user }, operation, params, onLine = () => undefined) =>
      new Promise((resolve, reject) => {
        const lines: PythonLine[] = [];
        const given = [CLIENT, url, binding, user, operation, JSON.stringify(params)];
        const child = execFile(python, given, { timeout: CALL_LIMIT_MS }, (error, _out, errors) => {
          if (lines.length === 0 && error) reject(new Error(`${operation}: ${errors.slice(-2_000)}`));
          else resolve(lines);
        });
        let open = '';
        child.stdout?.on('data', (text: string) => {
          const whole = (open + text).split('\n');
          open = whole.pop() ?? '';
          for (const line of whole) {
            lines.push(JSON.parse(line) as PythonLine);
            onLine(lines.at(-1)!);
          }
        });
      }),
  };
}
