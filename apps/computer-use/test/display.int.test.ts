import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ACCOUNTS, reapOrphans, Session, SessionFiles } from '../src/display/index.ts';
import { processesOf } from '../src/display/process-id.ts';
import { PngThread, ScreenFrames } from '../src/frames/index.ts';
import { XConnection } from '../src/hands/x-connection.ts';
import { displayIsInstalled } from './display.ts';

/* A display on this machine: it starts, it is shut in, and nothing of it stays behind. */

const suite = displayIsInstalled() ? describe : describe.skip;
let root: string;
let rows: SessionFiles;

beforeAll(() => {
  root = mkdtempSync('/var/tmp/switchyard-display-');
  chmodSync(root, 0o711);
  rows = new SessionFiles(root);
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const start = (): Promise<Session> => Session.start({ width: 640, height: 400, rows, root });
const mounts = (): string => readFileSync('/proc/mounts', 'utf8');
const serverIsGone = (display: number): boolean =>
  !existsSync(`/tmp/.X${display}-lock`) && !existsSync(`/tmp/.X11-unix/X${display}`);

suite('a session', () => {
  it('shows a screen of the size that was asked for, and lets nobody in without the cookie', async () => {
    const session = await start();
    const png = new PngThread();
    const frames = new ScreenFrames(session.server.pixels, png);
    try {
      const frame = await frames.frame();
      expect(frame).toMatchObject({ width: 640, height: 400, scale: 1 });
      expect(frame.png.subarray(1, 4).toString()).toBe('PNG');
      const { display } = session.server;
      // The server may hang up before the client has sent all of its greeting.
      await expect(XConnection.open({ display, auth: { name: '', data: '' } })).rejects.toThrow(
        /authori|EPIPE|ECONNRESET/i,
      );
    } finally {
      await frames.close();
      await png.close();
      await session.close();
    }
  });

  it('runs its programs without the rights of the service, without its files and without a network', async () => {
    const session = await start();
    try {
      const script = 'id -u; ls /var /root 2>&1 | tail -1; wc -l < /proc/net/dev; ls /proc | grep -c "^[0-9]"';
      const child = await session.launch({ command: 'sh', args: ['-c', `{ ${script}; } > ~/said 2>&1`] });
      await child.ended;
      const [uid, listed, devices, processes] = readFileSync(join(session.home, 'said'), 'utf8').split('\n');
      if (session.uid !== undefined) {
        expect(Number(uid)).toBe(session.uid);
        expect(session.uid).toBeGreaterThanOrEqual(ACCOUNTS.firstUid);
      }
      if (session.containment !== 'namespaces') return;
      expect(listed).toMatch(/No such file|denied/);
      // Two lines of heading and the loopback.
      expect(Number(devices)).toBe(3);
      expect(Number(processes)).toBeLessThan(10);
    } finally {
      await session.close();
    }
  });

  it('ends what left its group, and leaves no process, lock, socket, mount or file', async () => {
    const before = mounts();
    const used: { uid: number | undefined; display: number }[] = [];
    for (let n = 0; n < 10; n++) {
      const pair = await Promise.all([start(), start()]);
      for (const session of pair) {
        used.push({ uid: session.uid, display: session.server.display });
        const leaving = 'setsid sleep 1000 & setsid setsid sleep 1000 & sleep 1000';
        await session.launch({ command: 'sh', args: ['-c', leaving] });
      }
      await Promise.all(pair.map((session) => session.close()));
    }
    expect(used.filter(({ display }) => !serverIsGone(display))).toEqual([]);
    expect(used.flatMap(({ uid }) => (uid === undefined ? [] : processesOf(uid)))).toEqual([]);
    expect(mounts()).toBe(before);
    expect(readdirSync(root)).toEqual([]);
  });

  it('is reaped by the next process where its own was killed, and one that lives is not', async () => {
    const before = mounts();
    const living = await start();
    try {
      const orphan = await crash(root);
      expect(await reapOrphans(rows)).toEqual([orphan.sessionId]);
      if (orphan.uid !== undefined) expect(processesOf(orphan.uid)).toEqual([]);
    } finally {
      await living.close();
    }
    expect(mounts()).toBe(before);
    expect(readdirSync(root)).toEqual([]);
  });
});

/** A session whose service was killed. */
async function crash(folder: string): Promise<{ sessionId: string; uid?: number }> {
  const script = join(import.meta.dirname, 'start-session.ts');
  const flags = ['--no-warnings', '--conditions=switchyard:source'];
  const child = spawn(process.execPath, [...flags, script, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
  const said = await new Promise<string>((resolve) => child.stdout.once('data', (data: Buffer) => resolve(`${data}`)));
  child.kill('SIGKILL');
  await new Promise((resolve) => child.once('exit', resolve));
  return JSON.parse(said) as { sessionId: string; uid?: number };
}
