import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, renameSync, rmSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { constants, createGunzip, createGzip } from 'node:zlib';
import { serverEnvironment } from '../process.ts';
import { type BackupManifest, digestOf, readManifest, UnusableBackup } from './manifest.ts';

/*
 * The file of a backup: a tar compressed with gzip, which standard programs can read. Guarantees:
 * - The file appears under its name only when it is complete and on the disk; other accounts cannot read it.
 * - A truncated or damaged file, or one that is no backup, is refused with its name before any of its content is used.
 */

const MANIFEST = 'manifest.json';
const MANIFEST_DIGEST = 'manifest.sha256';
const MANIFEST_LIMIT_BYTES = 4 * 1024 ** 2;
const COMPRESSION = { level: 1, strategy: constants.Z_DEFAULT_STRATEGY };

export type OnBytes = (bytes: number) => void;

interface Tar {
  readonly stdout: NodeJS.ReadableStream;
  readonly stdin: NodeJS.WritableStream;
  readonly done: Promise<void>;
}

function tar(args: readonly string[]): Tar {
  const child = spawn('tar', args, { env: serverEnvironment(), stdio: ['pipe', 'pipe', 'pipe'] });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said = `${said}${chunk.toString()}`.slice(-2_000)));
  const done = new Promise<void>((resolve, reject) => {
    child.once('error', (error) => reject(new Error(`tar cannot be run: ${error.message}`)));
    child.once('close', (code) =>
      code === 0 ? resolve() : reject(new Error(said.trim() || `tar ended with exit code ${code}`)),
    );
  });
  done.catch(() => undefined); // The pipeline reports the same error to its caller.
  child.stdin.on('error', () => undefined);
  return { stdout: child.stdout, stdin: child.stdin, done };
}

function counting(onChunk: (chunk: Buffer) => void): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, callback) {
      onChunk(chunk);
      callback(null, chunk);
    },
  });
}

/** Packs `names` of `folder` into `file`, in this order, and returns its size and SHA-256. */
export async function pack(
  folder: string,
  names: readonly string[],
  file: string,
  onBytes: OnBytes,
): Promise<{ bytes: number; sha256: string }> {
  const unfinished = `${file}.partial`;
  const packing = tar(['-C', folder, '-cf', '-', ...names]);
  packing.stdin.end();
  const hash = createHash('sha256');
  try {
    await pipeline(
      packing.stdout,
      counting((chunk) => onBytes(chunk.length)),
      createGzip(COMPRESSION),
      counting((chunk) => hash.update(chunk)),
      createWriteStream(unfinished, { mode: 0o600, flags: 'wx' }),
    );
    await packing.done;
    await flush(unfinished);
    renameSync(unfinished, file);
    await flush(dirname(file));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') rmSync(unfinished, { force: true });
    throw error;
  }
  return { bytes: statSync(file).size, sha256: hash.digest('hex') };
}

async function flush(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Unpacks `file` into the existing, empty `folder`. Owners and rights in the archive are ignored. */
export async function unpack(file: string, folder: string, onBytes: OnBytes): Promise<void> {
  const unpacking = tar(['-C', folder, '--no-same-owner', '--no-same-permissions', '-xf', '-']);
  try {
    await pipeline(
      createReadStream(file),
      counting((chunk) => onBytes(chunk.length)),
      createGunzip(),
      unpacking.stdin,
    ).catch((error: unknown) => {
      if (!isOfTheOtherEnd(error)) throw error;
    });
    await unpacking.done;
  } catch (error) {
    throw new UnusableBackup(file, `the backup is damaged or cut short (${(error as Error).message.split('\n')[0]}).`, {
      cause: error,
    });
  }
}

/**
 * The error of a stream whose other end closed: tar stops reading at the end of the archive, or reports itself why it
 * stopped.
 */
const isOfTheOtherEnd = (error: unknown): boolean =>
  ['EPIPE', 'ERR_STREAM_PREMATURE_CLOSE'].includes((error as NodeJS.ErrnoException).code ?? '');

/** Reads the manifest of a backup without unpacking the rest. Throws UnusableBackup. */
export async function manifestOf(file: string): Promise<BackupManifest> {
  try {
    if (!statSync(file).isFile()) throw new UnusableBackup(file, 'this is no file.');
  } catch (error) {
    if (error instanceof UnusableBackup) throw error;
    throw new UnusableBackup(file, `it cannot be read (${(error as NodeJS.ErrnoException).code}).`, { cause: error });
  }
  const texts = [await member(file, MANIFEST), await member(file, MANIFEST_DIGEST)] as const;
  return readManifest(file, ...texts);
}

/** The manifest files are the first two members, so reading stops after them. */
async function member(file: string, name: string): Promise<string> {
  const first = process.platform === 'darwin' ? ['-q'] : ['--occurrence=1'];
  const reading = tar(['-xzOf', file, ...first, name]);
  reading.stdin.end();
  let text = '';
  for await (const chunk of reading.stdout) {
    text += String(chunk);
    if (text.length > MANIFEST_LIMIT_BYTES) throw new UnusableBackup(file, 'its manifest is too long.');
  }
  await reading.done.catch((error: unknown) => {
    throw new UnusableBackup(file, 'this is no backup of Switchyard, or it is damaged at its beginning.', {
      cause: error,
    });
  });
  return text;
}

/** The two files that precede the data. */
export function manifestFiles(manifest: BackupManifest): Readonly<Record<string, string>> {
  const text = `${JSON.stringify(manifest, null, 2)}\n`;
  return { [MANIFEST]: text, [MANIFEST_DIGEST]: `${digestOf(text)}\n` };
}

export const dataIn = (folder: string): string => join(folder, 'data');
