/*
 * A screen as the X server keeps it in its file: XWD version 7, 32 bits a pixel, blue first. Pure.
 */

export interface Pixels {
  readonly width: number;
  readonly height: number;
  /** Bytes from one row to the next. */
  readonly stride: number;
  /** Rows of blue, green, red and one byte that means nothing. */
  readonly data: Buffer;
}

export interface Rectangle {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

const VERSION = 7;
const COLOUR_BYTES = 12;
const HEADER_WORDS = 25;

/** Reads the file of an X server. Throws where it is none, or another kind of screen. */
export function readXwd(file: Buffer): Pixels {
  if (file.length < HEADER_WORDS * 4) throw new Error('the file of the screen is not whole');
  const word = (index: number): number => file.readUInt32BE(index * 4);
  const [headerSize, version, width, height, bits, stride, colours] = [0, 1, 4, 5, 11, 12, 19].map(word) as Words;
  if (version !== VERSION || bits !== 32)
    throw new Error(`the screen is of another kind: XWD ${version}, ${bits} bits`);
  const start = headerSize + colours * COLOUR_BYTES;
  const end = start + stride * height;
  if (stride < width * 4 || end > file.length) throw new Error('the file of the screen is not whole');
  return { width, height, stride, data: file.subarray(start, end) };
}

type Words = [number, number, number, number, number, number, number];

/** The smallest rectangle that holds every pixel that differs; undefined where none does. */
export function changedRectangle(before: Pixels, after: Pixels): Rectangle | undefined {
  const { width, height } = after;
  if (before.width !== width || before.height !== height) return { x: 0, y: 0, width, height };
  const rowDiffers = (y: number): boolean => !rowOf(before, y).equals(rowOf(after, y));
  let top = 0;
  while (top < height && !rowDiffers(top)) top++;
  if (top === height) return undefined;
  let bottom = height - 1;
  while (!rowDiffers(bottom)) bottom--;
  let [left, right] = [width, -1];
  for (let y = top; y <= bottom; y++) {
    const [a, b] = [rowOf(before, y), rowOf(after, y)];
    if (a.equals(b)) continue;
    for (let x = 0; x < left; x++) if (a.readUInt32LE(x * 4) !== b.readUInt32LE(x * 4)) left = x;
    for (let x = width - 1; x > right; x--) if (a.readUInt32LE(x * 4) !== b.readUInt32LE(x * 4)) right = x;
  }
  return { x: left, y: top, width: right - left + 1, height: bottom - top + 1 };
}

function rowOf({ data, stride, width }: Pixels, y: number): Buffer {
  return data.subarray(y * stride, y * stride + width * 4);
}
