/** The DER encodings (X.690) that a certificate needs. Pure. */

function tagged(tag: number, ...contents: readonly Buffer[]): Buffer {
  const content = Buffer.concat(contents);
  return Buffer.concat([Buffer.from([tag]), lengthOf(content.length), content]);
}

function lengthOf(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length]);
  const big = Buffer.from(length.toString(16).padStart(length > 0xff ? 4 : 2, '0'), 'hex');
  return Buffer.concat([Buffer.from([0x80 | big.length]), big]);
}

export const sequence = (...contents: readonly Buffer[]): Buffer => tagged(0x30, ...contents);
export const set = (...contents: readonly Buffer[]): Buffer => tagged(0x31, ...contents);
export const bytes = (content: Buffer): Buffer => tagged(0x04, content);
export const bitString = (content: Buffer): Buffer => tagged(0x03, Buffer.from([0]), content);
export const text = (content: string): Buffer => tagged(0x0c, Buffer.from(content, 'utf8'));
export const truth = (value: boolean): Buffer => tagged(0x01, Buffer.from([value ? 0xff : 0]));

/** A positive number; `value` begins with a byte below 0x80. */
export const integer = (value: Buffer): Buffer => tagged(0x02, value);

/** A context-specific tag `[number]`; `constructed` if it wraps another value. */
export const context = (number: number, content: Buffer, constructed = false): Buffer =>
  tagged(0x80 | (constructed ? 0x20 : 0) | number, content);

export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return tagged(0x06, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

function base128(number: number): number[] {
  const digits = [number & 0x7f];
  for (let left = number >> 7; left > 0; left >>= 7) digits.unshift((left & 0x7f) | 0x80);
  return digits;
}

/** RFC 5280 §4.1.2.5: two digits of the year until 2049, four from then on. */
export function time(ms: number): Buffer {
  const digits = `${new Date(ms).toISOString().replace(/[-:T]/g, '').slice(0, 14)}Z`;
  return new Date(ms).getUTCFullYear() < 2050
    ? tagged(0x17, Buffer.from(digits.slice(2), 'latin1'))
    : tagged(0x18, Buffer.from(digits, 'latin1'));
}
