import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { decodePng, look } from '@switchyard/dev-model';
import { until } from '@switchyard/testing';
import type { Computer } from '../src/computer/index.ts';
import { X11Backend } from '../src/x11/index.ts';
import type { AppSpec, AppState } from './pixel-app/widgets.ts';
import { pixelScreen } from './pixel-screen.ts';

/** A screen with the pixel app on it. */
export interface Stage {
  readonly computer: Computer;
  readonly backend: X11Backend;
  state(): AppState;
}

/** Runs `work` on a screen that shows the app, and removes both. */
export async function onStage<T>(
  spec: Omit<AppSpec, 'width' | 'height'>,
  work: (stage: Stage) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync('/var/tmp/switchyard-stage-');
  chmodSync(folder, 0o711);
  const app = pixelScreen({ ...spec, width: 960, height: 640 });
  const backend = new X11Backend({ sessions: 1, folder, apps: { pixel: app.program } });
  try {
    const size = { width: 1280, height: 800 };
    const computer = await backend.open({ id: 'test', tenantId: 'acme', network: 'sealed', size });
    await computer.act({ kind: 'open_app', app: 'pixel' });
    const shown = async (): Promise<boolean> => look(decodePng((await computer.frame()).png)).length > 0;
    await until(shown, 60_000);
    return await work({ computer, backend, state: () => app.state() as AppState });
  } finally {
    await backend.close();
    app.remove();
    rmSync(folder, { recursive: true, force: true });
  }
}
