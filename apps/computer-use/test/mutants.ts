import { inflateSync } from 'node:zlib';
import type { ScreenAction } from '@switchyard/contracts';
import type { Computer, Frame } from '../src/computer/index.ts';
import { encodePng } from '../src/frames/png.ts';

/* Screens that lie, each in one way. A task that is still done on one of them was not done by seeing and pressing. */

interface Mutant {
  readonly name: string;
  change(computer: Computer): Computer;
}

/** The rows of a frame as the encoder of frames wrote them: a byte of filter (none), then red, green, blue. */
function rowsOf({ png, width, height }: Frame): Buffer[] {
  const bytes = inflateSync(png.subarray(41, 41 + png.readUInt32BE(33)));
  return Array.from({ length: height }, (_, y) => bytes.subarray(y * (1 + width * 3) + 1, (y + 1) * (1 + width * 3)));
}

/** A frame with the same name and size whose pixels come from elsewhere. */
function redrawn(frame: Frame, pixelAt: (rows: readonly Buffer[], x: number, y: number) => number): Frame {
  const { width, height } = frame;
  const rows = rowsOf(frame);
  const data = Buffer.alloc(width * height * 4);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) data.writeUInt32LE(pixelAt(rows, x, y), (y * width + x) * 4);
  return { ...frame, png: encodePng({ width, height, stride: width * 4, data }) };
}

const rgb = (rows: readonly Buffer[], x: number, y: number): number => {
  const row = rows[y];
  return row && x >= 0 && x * 3 < row.length ? row.readUIntBE(x * 3, 3) : 0;
};

function seeing(name: string, see: (frame: Frame) => Frame): Mutant {
  return withFrames(name, () => see);
}

function withFrames(name: string, seer: () => (frame: Frame) => Frame): Mutant {
  return {
    name,
    change: (computer) => {
      const see = seer();
      return {
        size: computer.size,
        frame: async (signal) => see(await computer.frame(signal)),
        act: (action, signal) => computer.act(action, signal),
        close: () => computer.close(),
      };
    },
  };
}

function acting(name: string, change: (action: ScreenAction) => ScreenAction): Mutant {
  return {
    name,
    change: (computer) => ({
      size: computer.size,
      frame: (signal) => computer.frame(signal),
      act: (action, signal) => computer.act(change(action), signal),
      close: () => computer.close(),
    }),
  };
}

export const MUTANTS: readonly Mutant[] = [
  seeing('the frame is blank', (frame) => redrawn(frame, () => 0)),
  withFrames('the frame is one turn old', () => {
    let [before, kept]: (Frame | undefined)[] = [];
    return (frame) => {
      [before, kept] = [kept, frame];
      return before ?? redrawn(frame, () => 0);
    };
  }),
  seeing('the frame is shifted by 40 pixels', (frame) => redrawn(frame, (rows, x, y) => rgb(rows, x - 40, y - 40))),
  seeing('the frame is scaled without saying so', (frame) => redrawn(frame, (rows, x, y) => rgb(rows, x * 2, y * 2))),
  acting('the pointer moves and presses nothing', (action) =>
    action.kind === 'click' ? { kind: 'move', x: action.x, y: action.y } : action,
  ),
  seeing('red and blue are swapped', (frame) =>
    redrawn(frame, (rows, x, y) => {
      const colour = rgb(rows, x, y);
      return ((colour & 0xff) << 16) | (colour & 0xff00) | (colour >> 16);
    }),
  ),
  acting('x and y are swapped', (action) =>
    action.kind === 'click' ? { ...action, x: Math.min(action.y, 1_279), y: Math.min(action.x, 799) } : action,
  ),
];
