import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';

const EVERY_MS = 200;
const MOST_BYTES = 256 * 1024;

function sizeOf(file: string): number {
  try {
    return statSync(file).size;
  } catch {
    return 0;
  }
}

/** Calls `onLine` for each line that is written to a file from now on (or from `from`). Returns how to stop. */
export function followFile(
  file: string,
  onLine: (line: string) => void,
  from = sizeOf(file),
  everyMs = EVERY_MS,
): () => void {
  let position = from;
  let rest = '';
  const look = (): void => {
    if (sizeOf(file) === position) return;
    let handle: number;
    try {
      handle = openSync(file, 'r');
    } catch {
      return;
    }
    try {
      const { size } = fstatSync(handle);
      if (size < position) position = 0; // Rotated: a new file under the same name.
      const bytes = Buffer.alloc(Math.min(size - position, MOST_BYTES));
      position += readSync(handle, bytes, 0, bytes.length, position);
      const lines = (rest + bytes.toString('utf8')).split('\n');
      rest = lines.pop() ?? '';
      lines.forEach(onLine);
    } finally {
      closeSync(handle);
    }
  };
  const timer = setInterval(look, everyMs);
  return () => {
    look();
    clearInterval(timer);
  };
}
