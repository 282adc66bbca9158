import { spawn } from 'node:child_process';

/** Runs a program of this clone with the options of a verb, in this terminal; answers its exit code. */
export function runProgram(
  file: string,
  values: Readonly<Record<string, string | boolean | undefined>>,
): Promise<number> {
  const options = Object.entries(values).flatMap(([option, value]) => {
    if (value === undefined || value === false) return [];
    return value === true ? [`--${option}`] : [`--${option}`, value];
  });
  const child = spawn(process.execPath, [file, ...options], { stdio: 'inherit' });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}
