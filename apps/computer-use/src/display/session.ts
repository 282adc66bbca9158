import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { sleep } from '@switchyard/platform';
import { type AccountRange, type AccountSlot, claimAccount } from './account-slot.ts';
import { Child } from './child.ts';
import { commandLine, type Containment, findContainment, LIMITS, type Limits, type Program } from './containment.ts';
import { bootId, killProcess, type ProcessId, processesOf, processId } from './process-id.ts';
import { makeFolder, removeFolder, type SessionFolder } from './session-folder.ts';
import type { SessionRow, SessionRows } from './session-rows.ts';
import { WINDOW_MANAGER_CONFIG } from './window-manager.ts';
import { type Screen, startXServer, stopXServer, type XServer } from './x-server.ts';

/*
 * One display with its own account, home and programs.
 *
 * - What could be left behind is written down before it can be: the row first, then the process.
 * - A start that fails leaves nothing. close() leaves no process, socket, lock, mount or file, and may be called twice.
 * - Nothing of a session is used for another one.
 */

export interface SessionOptions extends Screen {
  readonly rows: SessionRows;
  /** The folder that holds the folders of sessions. */
  readonly root: string;
  readonly limits?: Limits;
  readonly diskMb?: number;
  readonly accounts?: AccountRange;
}

const DISK_MB = 512;
/** A file in the home that the window manager makes when it is ready. */
const MANAGED = '.window-manager-is-ready';
const MANAGED_LIMIT_MS = 20_000;

export class Session {
  readonly id: string;
  readonly screen: Screen;
  readonly containment: Containment;
  readonly #slot: AccountSlot;
  readonly #folder: SessionFolder;
  readonly #rows: SessionRows;
  readonly #limits: Limits;
  readonly #children = new Set<Child>();
  #server: XServer | undefined;
  #closed: Promise<void> | undefined;

  private constructor(
    id: string,
    options: SessionOptions,
    found: { slot: AccountSlot; folder: SessionFolder; containment: Containment },
  ) {
    this.id = id;
    this.screen = { width: options.width, height: options.height };
    this.#rows = options.rows;
    this.#limits = options.limits ?? LIMITS;
    this.#slot = found.slot;
    this.#folder = found.folder;
    this.containment = found.containment;
  }

  /** Starts X server and window manager. */
  static async start(options: SessionOptions): Promise<Session> {
    const id = `s-${randomBytes(8).toString('hex')}`;
    const path = join(options.root, id);
    // Accounts of sessions pass through it, each to its own folder.
    mkdirSync(options.root, { recursive: true, mode: 0o711 });
    const slot = await claimAccount(options.accounts);
    try {
      await options.rows.put({ ...rowHead(id), uid: slot.uid, folder: path, processes: [] });
      const containment = await findContainment(slot);
      const folder = await makeFolder(path, slot.uid, options.diskMb ?? DISK_MB);
      const session = new Session(id, options, { slot, folder, containment });
      await session.#open();
      return session;
    } catch (error) {
      await removeFolder(path);
      await options.rows.remove(id);
      await slot.release();
      throw error;
    }
  }

  async #open(): Promise<void> {
    try {
      this.#server = await startXServer({
        ...this.screen,
        uid: this.#slot.uid,
        folder: this.#folder.path,
        started: (child) => this.#keep(child),
      });
      const config = join(this.#folder.path, 'openbox.xml');
      writeFileSync(config, WINDOW_MANAGER_CONFIG, { mode: 0o444 });
      const args = ['--config-file', config, '--startup', `touch ${MANAGED}`];
      const manager = await this.launch({ command: 'openbox', args, readable: [config] });
      await this.#managed(manager);
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** Waits for the window manager: a window that is shown while it starts may never be managed. */
  async #managed(manager: Child): Promise<void> {
    const mark = join(this.home, MANAGED);
    for (const deadline = Date.now() + MANAGED_LIMIT_MS; !existsSync(mark);) {
      if (manager.end !== undefined) throw manager.failure(`did not start (${manager.end})`);
      if (Date.now() > deadline) throw manager.failure(`was not ready after ${MANAGED_LIMIT_MS / 1000} s`);
      await sleep(10);
    }
    rmSync(mark);
  }

  get uid(): number | undefined {
    return this.#slot.uid;
  }

  get server(): XServer {
    if (!this.#server) throw new Error('the session has no display');
    return this.#server;
  }

  /** The home of its programs, as the service sees it. */
  get home(): string {
    return this.#folder.home;
  }

  /** Starts a program in the session. Resolves when it runs, not when its window is there. */
  async launch(program: Program, options: { pipes?: number } = {}): Promise<Child> {
    if (this.#closed) throw new Error('the session is closed');
    const place = {
      uid: this.uid,
      containment: this.containment,
      home: this.home,
      authority: this.server.authority,
      display: this.server.display,
      limits: this.#limits,
    };
    const child = new Child(program.command, { ...commandLine(place, program), ...options });
    await this.#keep(child);
    return child;
  }

  async #keep(child: Child): Promise<void> {
    this.#children.add(child);
    void child.ended.then(() => this.#children.delete(child));
    const processes = [...this.#children].flatMap(({ id }) => (id ? [id] : []));
    const row: SessionRow = {
      ...rowHead(this.id),
      uid: this.uid,
      folder: this.#folder.path,
      processes,
    };
    await this.#rows.put(row);
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    const server = this.#server;
    const others = [...this.#children].filter((child) => child !== server?.child);
    await Promise.all(others.map((child) => child.stop()));
    if (server) await stopXServer(server);
    // What left its group still has the account, which is the session's alone.
    if (this.uid !== undefined) for (const left of processesOf(this.uid)) killProcess(left);
    await removeFolder(this.#folder.path);
    await this.#rows.remove(this.id);
    await this.#slot.release();
  }
}

function rowHead(sessionId: string): Pick<SessionRow, 'sessionId' | 'host' | 'bootId' | 'owner'> {
  return { sessionId, host: hostname(), bootId: bootId(), owner: processId(process.pid) as ProcessId };
}
