import { inflateSync } from 'node:zlib';

/** An image as rows of pixels, each a number 0xRRGGBB. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly pixels: Uint32Array;
}

const SIGNATURE = '89504e470d0a1a0a';
const MAX_PIXELS = 4_000_000;
/** Bytes of a pixel by the colour type of the format: grey, colour, grey and alpha, colour and alpha. */
const CHANNELS: Readonly<Record<number, number>> = { 0: 1, 2: 3, 4: 2, 6: 4 };

/** Reads a PNG of 8 bits without interlacing. Throws where it is none. */
export function decodePng(file: Buffer): Picture {
  if (file.subarray(0, 8).toString('hex') !== SIGNATURE) throw new Error('the image is no PNG');
  const [width, height] = [file.readUInt32BE(16), file.readUInt32BE(20)];
  const [depth, type, interlaced] = [file[24], file[25] as number, file[28]];
  const channels = CHANNELS[type];
  if (depth !== 8 || channels === undefined || interlaced !== 0)
    throw new Error('the PNG is of a kind that is not read');
  if (width * height > MAX_PIXELS || width === 0 || height === 0) throw new Error('the image is too large');
  const limit = height * (1 + width * channels);
  const bytes = inflateSync(dataOf(file), { maxOutputLength: limit });
  if (bytes.length !== limit) throw new Error('the PNG is not whole');
  unfilter(bytes, width * channels, height, channels);
  const pixels = new Uint32Array(width * height);
  for (let y = 0, to = 0; y < height; y++) {
    let from = y * (1 + width * channels) + 1;
    for (let x = 0; x < width; x++, to++, from += channels) {
      const first = bytes[from] as number;
      const grey = channels < 3;
      const [green, blue] = grey ? [first, first] : [bytes[from + 1] as number, bytes[from + 2] as number];
      pixels[to] = (first << 16) | (green << 8) | blue;
    }
  }
  return { width, height, pixels };
}

function dataOf(file: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 8; at + 12 <= file.length;) {
    const length = file.readUInt32BE(at);
    const type = file.toString('latin1', at + 4, at + 8);
    if (type === 'IDAT') parts.push(file.subarray(at + 8, at + 8 + length));
    at += 12 + length;
  }
  return Buffer.concat(parts);
}

/** Undoes the filter of each row in place: it names each byte by what stands left of it and above it. */
function unfilter(bytes: Buffer, rowBytes: number, height: number, channels: number): void {
  for (let y = 0; y < height; y++) {
    const start = y * (rowBytes + 1) + 1;
    const filter = bytes[start - 1];
    if (filter === 0) continue;
    for (let x = 0; x < rowBytes; x++) {
      const at = start + x;
      const left = x >= channels ? (bytes[at - channels] as number) : 0;
      const up = y > 0 ? (bytes[at - rowBytes - 1] as number) : 0;
      const corner = y > 0 && x >= channels ? (bytes[at - rowBytes - 1 - channels] as number) : 0;
      bytes[at] = ((bytes[at] as number) + predicted(filter as number, left, up, corner)) & 0xff;
    }
  }
}

function predicted(filter: number, left: number, up: number, corner: number): number {
  if (filter === 1) return left;
  if (filter === 2) return up;
  if (filter === 3) return (left + up) >> 1;
  if (filter !== 4) throw new Error('the PNG has an unknown filter');
  const [a, b, c] = [Math.abs(up - corner), Math.abs(left - corner), Math.abs(left + up - 2 * corner)];
  if (a <= b && a <= c) return left;
  return b <= c ? up : corner;
}
