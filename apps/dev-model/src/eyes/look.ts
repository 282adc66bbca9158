import { characterOf } from './glyphs.ts';
import {
  CARET,
  CELL_WIDTH,
  DOT,
  FRAME_COLOURS,
  FRAME_WIDTH,
  INK,
  LINE_HEIGHT,
  TEXT_LEFT,
  TEXT_TOP,
  type WidgetKind,
} from './palette.ts';
import type { Picture } from './picture.ts';

/* What is on a picture: the widgets whose whole frame is seen, with the lines of text in them. Pure. */

export interface Seen {
  readonly kind: WidgetKind;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly lines: readonly string[];
  /** True where the caret stands in it. */
  readonly focused: boolean;
}

const KIND_OF_COLOUR = new Map(Object.entries(FRAME_COLOURS).map(([kind, colour]) => [colour, kind as WidgetKind]));
const MIN_SIDE = 2 * FRAME_WIDTH + 2;
const MAX_LINE = 200;
const MAX_SEEN = 1_000;

/** The widgets of a picture, from top to bottom and from left to right. */
export function look(picture: Picture): Seen[] {
  const { width, height, pixels } = picture;
  const at = (x: number, y: number): number => (x < width && y < height ? (pixels[y * width + x] as number) : -1);
  const seen: Seen[] = [];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const colour = at(x, y);
      const kind = KIND_OF_COLOUR.get(colour);
      if (kind === undefined) continue;
      const corner = (x === 0 || at(x - 1, y) !== colour) && (y === 0 || at(x, y - 1) !== colour);
      const box = corner ? boxAt(at, x, y, colour) : undefined;
      if (box) seen.push({ kind, ...box, ...textIn(at, box) });
      if (seen.length >= MAX_SEEN) return seen;
    }
  }
  return seen;
}

interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

type At = (x: number, y: number) => number;

/** The frame whose upper left corner this is, if all of its four sides are seen. */
function boxAt(at: At, x: number, y: number, colour: number): Box | undefined {
  let [width, height] = [0, 0];
  while (at(x + width, y) === colour) width++;
  while (at(x, y + height) === colour) height++;
  if (width < MIN_SIDE || height < MIN_SIDE) return undefined;
  for (let side = 0; side < FRAME_WIDTH; side++) {
    for (let along = 0; along < width; along++) {
      if (at(x + along, y + side) !== colour || at(x + along, y + height - 1 - side) !== colour) return undefined;
    }
    for (let along = 0; along < height; along++) {
      if (at(x + side, y + along) !== colour || at(x + width - 1 - side, y + along) !== colour) return undefined;
    }
  }
  return { x, y, width, height };
}

function textIn(at: At, box: Box): { lines: string[]; focused: boolean } {
  const lines: string[] = [];
  let focused = false;
  const [right, bottom] = [box.x + box.width - FRAME_WIDTH, box.y + box.height - FRAME_WIDTH];
  for (let top = box.y + TEXT_TOP; top + 8 * DOT <= bottom; top += LINE_HEIGHT) {
    let line = '';
    for (let left = box.x + TEXT_LEFT; left + 5 * DOT <= right && line.length < MAX_LINE; left += CELL_WIDTH) {
      if (at(left, top) === CARET) focused = true;
      line += at(left, top) === CARET ? ' ' : (characterOf(glyphAt(at, left, top)) ?? '\u{fffd}');
    }
    lines.push(line.trimEnd());
  }
  while (lines.at(-1) === '') lines.pop();
  return { lines, focused };
}

/** The dots of one cell: each is ink all over, or none. */
function glyphAt(at: At, left: number, top: number): number[] {
  return Array.from({ length: 5 }, (_, column) => {
    let bits = 0;
    for (let row = 0; row < 8; row++) if (at(left + column * DOT, top + row * DOT) === INK) bits |= 1 << row;
    return bits;
  });
}
