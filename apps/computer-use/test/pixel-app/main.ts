import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type AppSpec, type Drawn, numbersFrom, PixelModel } from './widgets.ts';

/*
 * The pixel app: a program of a screen, for tests of whoever sees and acts. It draws with the core protocol alone, and
 * writes its state to a file after each event. Called with a folder that holds `app.json`, and the conventions of the
 * eyes (glyphs, palette).
 */

const folder = process.argv[2] as string;
const out = process.argv[3] as string;
const spec = JSON.parse(readFileSync(`${folder}/app.json`, 'utf8')) as AppSpec;
const x11 = createRequire(`${folder}/`)('x11');
const { glyphOf } = await import(`${folder}/glyphs.ts`);
const palette = await import(`${folder}/palette.ts`);

const number = numbersFrom(spec.seed + 1);
/** Light colours, so that the ink is read on them. */
const light = (): number => 0xc0c0c0 + (number(60) << 16) + (number(60) << 8) + number(60);
const [background, filling] = [light(), light()];
const model = new PixelModel(spec);

function save(): void {
  writeFileSync(`${out}/state.new`, JSON.stringify(model.state));
  renameSync(`${out}/state.new`, `${out}/state.json`);
}

type Rectangle = readonly [x: number, y: number, width: number, height: number];

/** Rectangles of one colour each, in the order in which they are drawn. */
function* painted(): Generator<[number, Rectangle[]]> {
  yield [background, [[0, 0, spec.width, spec.height]]];
  for (const each of model.drawn()) {
    const { x, y, width, height } = each;
    const edge = palette.FRAME_WIDTH as number;
    yield [palette.FRAME_COLOURS[each.kind], [[x, y, width, height]]];
    yield [filling, [[x + edge, y + edge, width - 2 * edge, height - 2 * edge]]];
    const [ink, caret] = [textOf(each), caretOf(each)];
    if (ink.length > 0) yield [palette.INK, ink];
    if (caret.length > 0) yield [palette.CARET, caret];
  }
}

function placeOf({ x, y, width }: Drawn, row: number, text: string): { left: number; top: number; shown: string[] } {
  const cells = Math.floor((width - palette.TEXT_LEFT - palette.FRAME_WIDTH - 10) / palette.CELL_WIDTH);
  const top = y + palette.TEXT_TOP + row * palette.LINE_HEIGHT;
  return { left: x + palette.TEXT_LEFT, top, shown: [...text].slice(-cells) };
}

function textOf(drawn: Drawn): Rectangle[] {
  return drawn.lines.flatMap((text, row) => {
    const { left, top, shown } = placeOf(drawn, row, text);
    return shown.flatMap((character, cell) =>
      (glyphOf(character) as number[]).flatMap((bits, column) =>
        [0, 1, 2, 3, 4, 5, 6, 7].flatMap((dot): Rectangle[] => {
          if (((bits >> dot) & 1) === 0) return [];
          const { CELL_WIDTH, DOT } = palette;
          return [[left + cell * CELL_WIDTH + column * DOT, top + dot * DOT, DOT, DOT]];
        }),
      ),
    );
  });
}

function caretOf(drawn: Drawn): Rectangle[] {
  if (!drawn.focused) return [];
  const { left, top, shown } = placeOf(drawn, drawn.lines.length - 1, drawn.lines.at(-1) ?? '');
  return [[left + shown.length * palette.CELL_WIDTH, top, palette.DOT, 16]];
}

x11.createClient({ shm: false }, (error: Error | null, display: { client: never; screen: { root: number }[] }) => {
  if (error) throw error;
  const X = display.client as unknown as Record<string, (...args: unknown[]) => unknown> & {
    on(event: string, listener: (event: XEvent) => void): void;
    AllocID(): number;
  };
  const root = display.screen[0]?.root;
  const [window, pixmap, gc, empty, cursor] = [0, 0, 0, 0, 0].map(() => X.AllocID()) as [
    number,
    number,
    number,
    number,
    number,
  ];
  const { Exposure, KeyPress, KeyRelease, ButtonPress, ButtonRelease, PointerMotion } = x11.eventMask;
  const eventMask = Exposure | KeyPress | KeyRelease | ButtonPress | ButtonRelease | PointerMotion;
  const [left, top] = [10 + number(120), 40 + number(80)];
  X.CreateWindow!(window, root, left, top, spec.width, spec.height, 0, 0, 0, 0, { eventMask });
  // The pointer would hide what it points at.
  X.CreatePixmap!(empty, root, 1, 1, 1);
  X.CreateCursor!(cursor, empty, empty, { R: 0, G: 0, B: 0 }, { R: 0, G: 0, B: 0 }, 0, 0);
  X.ChangeWindowAttributes!(window, { cursor });
  X.CreatePixmap!(pixmap, window, 24, spec.width, spec.height);
  X.CreateGC!(gc, pixmap, {});
  X.MapWindow!(window);

  const paint = (): void => {
    for (const [foreground, rectangles] of painted()) {
      X.ChangeGC!(gc, { foreground });
      for (let from = 0; from < rectangles.length; from += 1_000)
        X.PolyFillRectangle!(pixmap, gc, rectangles.slice(from, from + 1_000).flat());
    }
    X.CopyArea!(pixmap, window, gc, 0, 0, 0, 0, spec.width, spec.height);
  };

  let symbols: number[][] = [];
  const [firstKey, keys] = [8, 248];
  /** Keys wait while the mapping is read, so that each is read with the mapping of its time. */
  let reading = false;
  const waiting: XEvent[] = [];
  const readMapping = (): void => {
    reading = true;
    X.GetKeyboardMapping!(firstKey, keys, (failed: Error | null, rows: number[][]) => {
      if (failed) throw failed;
      symbols = rows;
      reading = false;
      while (waiting.length > 0 && !reading) handle(waiting.shift() as XEvent);
    });
  };

  const typed = ({ keycode = 0, buttons = 0 }: XEvent): void => {
    const [plain = 0, shifted = 0] = symbols[keycode - firstKey] ?? [];
    const symbol = buttons & 1 ? shifted : plain;
    if (buttons & 4) return symbol === 0x61 ? model.key({ name: 'select-all' }) : undefined;
    if (symbol === 0xff08) return model.key({ name: 'BackSpace' });
    if (symbol >= 0x01000100) return model.key({ character: String.fromCodePoint(symbol - 0x01000000) });
    if (symbol >= 0x20 && symbol <= 0xff) model.key({ character: String.fromCodePoint(symbol) });
  };

  const handle = (event: XEvent): void => {
    if (event.name === 'MappingNotify') return readMapping();
    if (reading) return void waiting.push(event);
    const at = { x: event.x ?? 0, y: event.y ?? 0 };
    switch (event.name) {
      case 'KeyPress':
        model.state.keysDown += 1;
        typed(event);
        break;
      case 'KeyRelease':
        model.state.keysDown -= 1;
        break;
      case 'MotionNotify':
        if (!model.pointer(at)) return;
        break;
      case 'ButtonPress':
        if (event.keycode === 1) model.press(at);
        else if (event.keycode === 4 || event.keycode === 5) model.wheel(at, event.keycode === 4 ? -3 : 3);
        break;
      case 'ButtonRelease':
        if (event.keycode === 1 && !model.release(at) && model.click(at) === 'crash') process.exit(70);
        break;
    }
    dirty();
  };
  /** What many events change is drawn and saved once. */
  let soon = false;
  const dirty = (): void => {
    if (soon) return;
    soon = true;
    setImmediate(() => {
      soon = false;
      save();
      paint();
    });
  };

  X.on('event', handle);
  readMapping();
  save();
});

interface XEvent {
  readonly name: string;
  readonly x?: number;
  readonly y?: number;
  readonly keycode?: number;
  readonly buttons?: number;
}
