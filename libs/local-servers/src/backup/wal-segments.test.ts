import { describe, expect, it } from '@jest/globals';
import { fc } from '@switchyard/testing/property';
import { reachOf, segmentBefore, segmentOf } from './wal-segments.ts';

const nameOf = (number: number, timeline = 1): string => {
  const hex = (value: number): string => value.toString(16).toUpperCase().padStart(8, '0');
  return hex(timeline) + hex(Math.floor(number / 256)) + hex(number % 256);
};

describe('segments of WAL', () => {
  it('are numbered across the border of their two parts', () => {
    expect(segmentOf('0000000100000000000000FF')?.number).toBe(255);
    expect(segmentOf('000000010000000100000000.partial')).toMatchObject({ number: 256, isPartial: true });
    expect(segmentOf('00000002.history')).toBeUndefined();
  });

  it('are found by the last byte before a place', () => {
    expect(segmentBefore('0/3000000', 1)).toBe(nameOf(2));
    expect(segmentBefore('0/3000001', 1)).toBe(nameOf(3));
    expect(segmentBefore('1/0', 1)).toBe(nameOf(255));
    expect(segmentBefore('1/1', 2)).toBe(nameOf(256, 2));
  });

  it('are used up to the first hole, whatever else lies in the folder', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 600 }),
        fc.integer({ min: 0, max: 3 }),
        fc.uniqueArray(fc.integer({ min: 0, max: 700 }), { maxLength: 60 }),
        (from, more, archived) => {
          const files = [...archived.map((n) => nameOf(n)), nameOf(from, 2), 'archive_status'];
          const { segments, unreachable } = reachOf(files, nameOf(from), nameOf(from + more));
          let end = from + more + 1;
          while (archived.includes(end)) end += 1;
          const expected = archived.filter((n) => n >= from && n < end).sort((a, b) => a - b);
          expect(segments.map(({ number }) => number)).toEqual(expected);
          expect(unreachable).toBe(archived.filter((n) => n > end).length);
        },
      ),
    );
  });

  it('count whole before in part', () => {
    const { segments } = reachOf([`${nameOf(3)}.partial`, nameOf(3)], nameOf(3), nameOf(3));
    expect(segments.map(({ file }) => file)).toEqual([nameOf(3)]);
  });
});
