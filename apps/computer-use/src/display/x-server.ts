import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Child } from './child.ts';
import { asAccount, SOCKETS, socketOf } from './containment.ts';

/*
 * The X server of one session: a screen in memory that nobody sees.
 *
 * - It chooses its number itself, so that two that start at once do not meet.
 * - Only who has the cookie gets in; it listens on one socket in the file system and neither on TCP nor on an abstract one.
 * - Its pixels are a file (`-fbdir`), so that a frame is one read and asks nothing of the server.
 * - It ends with the service that started it, also where that is killed.
 */

const READY_LIMIT_MS = 30_000;
const COOKIE = 'MIT-MAGIC-COOKIE-1';
/** Any display at any address: the file is for one server alone, and its number is not known when it is written. */
const FAMILY_WILD = 0xffff;

export interface Screen {
  readonly width: number;
  readonly height: number;
}

export interface XServer {
  readonly display: number;
  /** The cookie as clients of the protocol send it. */
  readonly auth: { readonly name: string; readonly data: string };
  /** The file with the cookie. */
  readonly authority: string;
  /** The file with the pixels. */
  readonly pixels: string;
  readonly child: Child;
}

/** A file of cookies with one entry. */
function authorityFile(cookie: Buffer): Buffer {
  const field = (bytes: Buffer): Buffer => Buffer.concat([uint16(bytes.length), bytes]);
  return Buffer.concat([
    uint16(FAMILY_WILD),
    field(Buffer.alloc(0)),
    field(Buffer.alloc(0)),
    field(Buffer.from(COOKIE)),
    field(cookie),
  ]);
}

function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

/** The folder of the sockets belongs to root and is open to all, as it is where a display manager made it. */
function ensureSockets(): void {
  if (existsSync(SOCKETS)) return;
  mkdirSync(SOCKETS, { recursive: true });
  chmodSync(SOCKETS, 0o1777);
}

/** Removes socket and lock of a server that is gone: those whose lock names its pid, and no others. */
export function removeTraces(pid: number): void {
  for (const name of readdirSync('/tmp')) {
    const display = /^\.X(\d+)-lock$/.exec(name)?.[1];
    if (display === undefined || lockedBy(join('/tmp', name)) !== pid) continue;
    rmSync(socketOf(Number(display)), { force: true });
    rmSync(join('/tmp', name), { force: true });
  }
}

function lockedBy(lock: string): number | undefined {
  try {
    return Number(readFileSync(lock, 'utf8').trim());
  } catch {
    return undefined;
  }
}

/** The number that the server writes when it is ready. */
function readNumber(child: Child, limitMs: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const limit = setTimeout(() => reject(child.failure(`was not ready after ${limitMs / 1000} s`)), limitMs);
    let said = '';
    const pipe = child.process.stdio[3] as NodeJS.ReadableStream;
    pipe.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      if (!said.includes('\n')) return;
      clearTimeout(limit);
      resolve(Number(said.trim()));
    });
    pipe.on('error', () => undefined);
    void child.ended.then((how) => {
      clearTimeout(limit);
      reject(child.failure(`did not start (${how})`));
    });
  });
}

export interface XServerOptions extends Screen {
  readonly uid: number | undefined;
  /** A folder that belongs to the account. */
  readonly folder: string;
  /** Called with the process as soon as there is one, so that a crash of the service leaves a trace of it. */
  readonly started?: (child: Child) => Promise<void>;
}

/** Starts the server and waits until clients can connect. Stops it before it throws. */
export async function startXServer(options: XServerOptions): Promise<XServer> {
  ensureSockets();
  const cookie = randomBytes(16);
  const authority = join(options.folder, 'xauthority');
  const frames = join(options.folder, 'pixels');
  // The account must read the cookie; the folder around it lets nobody else in.
  writeFileSync(authority, authorityFile(cookie), { mode: 0o444 });
  const pixels = join(frames, 'Xvfb_screen0');
  const [command, ...args] = [
    ...asAccount(options.uid),
    ...(options.uid === undefined ? [] : ['--pdeathsig', 'KILL', '--']),
    'Xvfb',
    '-displayfd',
    '3',
    '-screen',
    '0',
    `${options.width}x${options.height}x24`,
    '-fbdir',
    frames,
    '-auth',
    authority,
    '-nolisten',
    'tcp',
    '-nolisten',
    'local',
    '-noreset',
    '-dpi',
    '96',
  ];
  const child = new Child('Xvfb', {
    command: command as string,
    args,
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: options.folder },
    cwd: options.folder,
    pipes: 1,
  });
  try {
    await options.started?.(child);
    const display = await readNumber(child, READY_LIMIT_MS);
    if (!Number.isInteger(display)) throw child.failure('named no display');
    return { display, auth: { name: COOKIE, data: cookie.toString('latin1') }, authority, pixels, child };
  } catch (error) {
    await child.stop();
    throw error;
  }
}

/** Ends the server and removes what it leaves in /tmp. */
export async function stopXServer({ child }: Pick<XServer, 'child'>): Promise<void> {
  await child.stop(300);
  if (child.id) removeTraces(child.id.pid);
}
