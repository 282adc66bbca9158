import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { hostname } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decodePng, look, type Seen } from '@switchyard/dev-model';
import { until } from '@switchyard/testing';
import type { Computer, Frame } from '../src/computer/index.ts';
import { SessionFiles } from '../src/display/index.ts';
import { X11Backend } from '../src/x11/index.ts';
import { displayIsInstalled } from './display.ts';
import type { AppState, WidgetSpec } from './pixel-app/widgets.ts';
import { type PixelScreen, pixelScreen } from './pixel-screen.ts';

/* Eyes and hands against a program that tells what reached it. Where things are is read from the frame alone. */

const suite = displayIsInstalled() ? describe : describe.skip;
let folder: string;

beforeAll(() => {
  folder = mkdtempSync('/var/tmp/switchyard-hands-');
  chmodSync(folder, 0o711);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Stage {
  readonly computer: Computer;
  readonly app: PixelScreen;
  frame(): Promise<Frame>;
  seen(): Promise<Seen[]>;
  middle(label: string): Promise<{ x: number; y: number }>;
  state(): AppState;
  /** The app may be slower than the screen is quiet, on a machine that is busy with others. */
  comesTo(part: Partial<AppState>): Promise<void>;
}

async function onStage(widgets: readonly WidgetSpec[], work: (stage: Stage) => Promise<void>, seed = 7): Promise<void> {
  const app = pixelScreen({ seed, width: 960, height: 640, widgets });
  const backend = new X11Backend({ sessions: 1, folder, apps: { pixel: app.program } });
  const size = { width: 1280, height: 800 };
  const computer = await backend.open({ id: 'test', tenantId: 'acme', network: 'sealed', size });
  try {
    await computer.act({ kind: 'open_app', app: 'pixel' });
    const seen = async (): Promise<Seen[]> => look(decodePng((await computer.frame()).png));
    await until(async () => (await seen()).some(({ kind }) => kind === 'status'), 60_000);
    const middle = async (label: string): Promise<{ x: number; y: number }> => {
      const found = (await seen()).find(({ lines }) => lines[0] === label);
      if (!found) throw new Error(`"${label}" is not on the screen`);
      return { x: found.x + Math.floor(found.width / 2), y: found.y + Math.floor(found.height / 2) };
    };
    const state = (): AppState => app.state() as AppState;
    const comesTo = (part: Partial<AppState>): Promise<void> => eventually(() => expect(state()).toMatchObject(part));
    await work({ computer, app, frame: () => computer.frame(), seen, middle, state, comesTo });
  } finally {
    await backend.close();
    app.remove();
  }
}

async function eventually(check: () => void): Promise<void> {
  for (const deadline = Date.now() + 30_000; ; await new Promise((resolve) => setTimeout(resolve, 50))) {
    try {
      return check();
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
  }
}

suite('the hands', () => {
  it('press what the eyes see, and the outcome of an act says where the screen changed', () =>
    onStage(
      [
        { kind: 'button', label: 'Save' },
        { kind: 'button', label: 'Delete' },
      ],
      async (stage) => {
        const outcome = await stage.computer.act({ kind: 'click', ...(await stage.middle('Save')), button: 'left' });
        await stage.comesTo({ pressed: ['Save'] });
        await until(async () => (await stage.seen()).some(({ lines }) => lines[0] === 'pressed Save'), 30_000);
        const status = (await stage.seen()).find(({ kind }) => kind === 'status');
        expect(status?.lines).toEqual(['pressed Save']);
        // The outcome tells of the change, unless the app was too late for it.
        if (!outcome.changed) return;
        const { x = 0, y = 0 } = outcome.changedRegion ?? {};
        expect(x).toBeGreaterThanOrEqual(status?.x ?? 0);
        expect(y).toBeGreaterThanOrEqual(status?.y ?? 0);
        // Nothing happens where there is nothing, and the same screen is the same frame.
        const before = await stage.frame();
        const idle = await stage.computer.act({ kind: 'wait', ms: 1 });
        expect(idle).toMatchObject({ changed: false, changedRegion: null });
        expect(idle.frame.sha256).toBe(before.sha256);
      },
    ));

  it('type every character, also those that no key gives', () =>
    onStage([{ kind: 'field', label: 'Name' }], async (stage) => {
      await stage.computer.act({ kind: 'click', ...(await stage.middle('Name')), button: 'left' });
      const text = 'Zoë €5 – 你好 <A|z>~{}';
      await stage.computer.act({ kind: 'type', text });
      await stage.comesTo({ fields: { Name: text } });
      await stage.computer.act({ kind: 'key', keys: ['ctrl', 'a'] });
      await stage.computer.act({ kind: 'type', text: 'other' });
      await stage.comesTo({ fields: { Name: 'other' }, keysDown: 0 });
    }));

  it('drag, scroll and set', () =>
    onStage(
      [
        { kind: 'column', label: 'Todo', cards: ['Write', 'Test'] },
        { kind: 'column', label: 'Done', cards: [] },
        { kind: 'list', label: 'Items', rows: 200 },
        { kind: 'checkbox', label: 'Terms' },
      ],
      async ({ computer, middle, comesTo }) => {
        await computer.act({ kind: 'drag', path: [await middle('Write'), await middle('Done')] });
        await comesTo({ columns: { Todo: ['Test'], Done: ['Write'] } });
        await computer.act({ kind: 'scroll', ...(await middle('Items')), dx: 0, dy: 4 });
        await comesTo({ scrolled: 12 });
        await computer.act({ kind: 'click', ...(await middle('Terms')), button: 'left' });
        await comesTo({ checked: { Terms: true } });
      },
    ));

  it('stop at once when the act is not wanted any more, and hold no key', () =>
    onStage([{ kind: 'field', label: 'Name' }], async ({ computer, middle, state, comesTo }) => {
      await computer.act({ kind: 'click', ...(await middle('Name')), button: 'left' });
      const abort = new AbortController();
      const typing = computer.act({ kind: 'type', text: 'A'.repeat(10_000) }, abort.signal);
      await until(() => (state().fields['Name'] ?? '').length > 20);
      abort.abort();
      await expect(typing).rejects.toMatchObject({ code: 'cancelled' });
      // The app has read all that was pressed once it has read that every key is up, and no more comes.
      await comesTo({ keysDown: 0 });
      await computer.act({ kind: 'wait', ms: 1_000 });
      const { length } = state().fields['Name'] ?? '';
      expect(length).toBeLessThan(10_000);
      await computer.act({ kind: 'wait', ms: 500 });
      expect(state()).toMatchObject({ fields: { Name: 'A'.repeat(length) }, keysDown: 0 });
    }));

  it('refuse a point outside of the screen and an application that is not offered', () =>
    onStage([{ kind: 'button', label: 'Save' }], async ({ computer }) => {
      const outside = { kind: 'click', x: 1_280, y: 0, button: 'left' } as const;
      await expect(computer.act(outside)).rejects.toMatchObject({ code: 'invalid_input' });
      await expect(computer.act({ kind: 'open_app', app: 'sh' })).rejects.toMatchObject({ code: 'invalid_input' });
    }));

  it('say that the display is gone where its server was killed, and leave nothing', async () => {
    const rows = new SessionFiles(folder);
    await onStage([{ kind: 'button', label: 'Save' }], async ({ computer, middle }) => {
      const at = await middle('Save');
      const [row] = await rows.ofHost(hostname());
      // The first process of a session is its server.
      process.kill(row?.processes[0]?.pid as number, 'SIGKILL');
      const gone = { code: 'unavailable', message: 'The display of this step is gone.' };
      await expect(computer.act({ kind: 'click', ...at, button: 'left' })).rejects.toMatchObject(gone);
      await expect(computer.frame()).rejects.toMatchObject(gone);
    });
    expect(readdirSync(folder)).toEqual([]);
  });
});
