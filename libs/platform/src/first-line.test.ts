import { Readable } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { firstLine } from './first-line.ts';

const of = (...chunks: string[]) => firstLine(Readable.from(chunks.map((chunk) => Buffer.from(chunk))), 10);

describe('the first line of a stream', () => {
  it('comes without its end, however it was cut, and nothing after it', async () => {
    expect(await of('a b\n', 'c')).toBe('a b');
    expect(await of('a', 'b', '\r\nc')).toBe('ab');
    expect(await of('ä')).toBe('ä');
  });

  it('is none where nothing comes, or more than is wanted', async () => {
    expect(await of()).toBeUndefined();
    expect(await of('\n')).toBeUndefined();
    expect(await of('0123456789')).toBe('0123456789');
    expect(await of('0123456789a\n')).toBeUndefined();
  });
});
