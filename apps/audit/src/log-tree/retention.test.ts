import { describe, expect, it } from '@jest/globals';
import { fc } from '@switchyard/testing/property';
import { type FolderOfRun, whatGoes } from './retention.ts';

const DAY_MS = 86_400_000;
const NOW = 1_000 * DAY_MS;

const folder = fc.record({
  name: fc.string(),
  endedAt: fc.option(fc.integer({ min: 0, max: NOW }), { nil: undefined }),
  underWay: fc.boolean(),
  bytes: fc.integer({ min: 0, max: 1_000 }),
  writtenAt: fc.integer({ min: 0, max: NOW }),
});
const folders = fc.array(
  folder.map((one): FolderOfRun => (one.endedAt === undefined ? one : { ...one, underWay: false })),
);
const limits = fc.record({
  keepMs: fc.integer({ min: 0, max: 900 * DAY_MS }),
  maxBytes: fc.integer({ min: 0, max: 9_000 }),
});

describe('what goes of the log tree', () => {
  it('is never the folder of a run that is under way, or that was written to within the last month without an end', () => {
    fc.assert(
      fc.property(folders, limits, (all, within) => {
        for (const { folder: gone } of whatGoes(all, within, NOW)) {
          expect(gone.underWay && gone.endedAt === undefined).not.toBe(true);
          if (gone.endedAt === undefined) expect(NOW - gone.writtenAt).toBeGreaterThan(30 * DAY_MS);
        }
      }),
    );
  });

  it('is each folder once, and leaves nothing that is too old or, but for runs under way, too much', () => {
    fc.assert(
      fc.property(folders, limits, (all, within) => {
        const gone = new Set(whatGoes(all, within, NOW).map((each) => each.folder));
        const left = all.filter((each) => !gone.has(each));
        expect(gone.size + left.length).toBe(all.length);
        for (const { endedAt } of left)
          if (within.keepMs > 0 && endedAt !== undefined) expect(NOW - endedAt).toBeLessThanOrEqual(within.keepMs);
        const known = left.filter(({ endedAt }) => endedAt !== undefined);
        const bytes = left.reduce((sum, each) => sum + each.bytes, 0);
        if (within.maxBytes > 0 && known.length > 0) expect(bytes).toBeLessThanOrEqual(within.maxBytes);
      }),
    );
  });

  it('is the oldest first where there is too much, and no more than has to', () => {
    const ended = (name: string, bytes: number) => ({ name, bytes, endedAt: NOW - 1, writtenAt: NOW - 1 });
    const all = [
      ended('a', 10),
      { name: 'b', bytes: 50, endedAt: undefined, writtenAt: NOW },
      ended('c', 20),
      ended('d', 30),
    ];
    const gone = whatGoes(all, { keepMs: 0, maxBytes: 85 }, NOW);
    expect(gone.map(({ folder: { name }, why }) => `${name} ${why}`)).toEqual(['a size', 'c size']);
  });
});
