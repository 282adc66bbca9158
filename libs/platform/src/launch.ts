import { EXIT_CONFIG } from './config.ts';

/** Why a service cannot start, for the person who started it. */
export interface StartFailure {
  readonly text: string;
  readonly exitCode: number;
}

const PLACES: Readonly<Record<string, string>> = {
  EADDRINUSE: 'is in use by another program: stop that one, or configure another port',
  EADDRNOTAVAIL: 'is no address of this machine: configure another host to listen on',
  EACCES: 'may not be listened on by this user: configure a port above 1023',
};

/** Pure. An address that cannot be listened on is a matter of configuration; anything else is told as it came. */
export function startFailure(error: unknown): StartFailure {
  const {
    code = '',
    syscall,
    address,
    port,
  } = (error ?? {}) as NodeJS.ErrnoException & {
    address?: string;
    port?: number;
  };
  const place = syscall === 'listen' ? PLACES[code] : undefined;
  if (place !== undefined) {
    const where = port === undefined ? address : `${address ?? ''}:${port}`;
    return { text: `Cannot start: ${where} ${place}.`, exitCode: EXIT_CONFIG };
  }
  return { text: `Cannot start: ${error instanceof Error ? error.stack : String(error)}`, exitCode: 1 };
}

/** Starts a service as the only work of its process. Where that fails it says why, once, and ends the process. */
export async function launch(start: () => Promise<unknown>): Promise<void> {
  try {
    await start();
  } catch (error) {
    const { text, exitCode } = startFailure(error);
    process.stderr.write(`${text}\n`);
    process.exit(exitCode);
  }
}
