import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The newest nats-server that the product is tested with. The oldest is the one of the system's packages. */
export const NEWEST_NATS_VERSION = '2.15.2';

const BUILD_LIMIT_MS = 600_000;
/** Outside of the clone: the build is the same for all clones and takes a minute. */
const CACHE = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'switchyard');

/**
 * The path of that nats-server: `NATS_SERVER_NEWEST`, or one that is built once from the Go module proxy. Undefined if
 * there is no Go or the proxy does not deliver; its tests are then skipped, with a message.
 */
export async function newestNatsServer(): Promise<string | undefined> {
  const given = process.env['NATS_SERVER_NEWEST'];
  if (given) return given;
  const kept = join(CACHE, `nats-server-${NEWEST_NATS_VERSION}`);
  if (existsSync(kept)) return kept;
  mkdirSync(CACHE, { recursive: true });
  const bin = mkdtempSync(join(CACHE, 'building-'));
  try {
    const module = `github.com/nats-io/nats-server/v2@v${NEWEST_NATS_VERSION}`;
    await run('go', ['install', module], { env: { ...process.env, GOBIN: bin }, timeout: BUILD_LIMIT_MS });
    renameSync(join(bin, 'nats-server'), kept);
    return kept;
  } catch {
    return undefined;
  } finally {
    rmSync(bin, { recursive: true, force: true });
  }
}
