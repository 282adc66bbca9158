import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Program } from '../src/display/index.ts';
import type { AppSpec, AppState } from './pixel-app/widgets.ts';

/** The pixel app as a program that a session can start, with the file that it writes its state to. */
export interface PixelScreen {
  readonly program: Program;
  state(): AppState | undefined;
  remove(): void;
}

/** Copies all that the app needs to a folder that other accounts can read, since a clone may be where they cannot. */
export function pixelScreen(spec: AppSpec): PixelScreen {
  const folder = mkdtempSync('/var/tmp/switchyard-pixel-app-');
  const out = join(folder, 'out');
  mkdirSync(out);
  const here = import.meta.dirname;
  const eyes = join(here, '../../dev-model/src/eyes');
  for (const name of ['main.ts', 'widgets.ts']) cpSync(join(here, 'pixel-app', name), join(folder, name));
  for (const name of ['glyphs.ts', 'palette.ts']) cpSync(join(eyes, name), join(folder, name));
  const x11 = dirname(createRequire(import.meta.url).resolve('x11/package.json'));
  cpSync(join(x11, 'lib'), join(folder, 'node_modules/x11/lib'), { recursive: true });
  cpSync(join(x11, 'package.json'), join(folder, 'node_modules/x11/package.json'));
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  writeFileSync(join(folder, 'app.json'), JSON.stringify(spec));
  cpSync(process.execPath, join(folder, 'node'));
  chmodSync(folder, 0o755);
  chmodSync(out, 0o777);
  const args = ['--no-warnings', join(folder, 'main.ts'), folder, out];
  const state = join(out, 'state.json');
  return {
    program: { command: join(folder, 'node'), args, readable: [folder], writable: [out] },
    state: () => (existsSync(state) ? (JSON.parse(readFileSync(state, 'utf8')) as AppState) : undefined),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
