import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import type { RunEvent } from '@switchyard/contracts';
import { redactSecrets, truncateForLog } from '@switchyard/platform';
import { fc } from '@switchyard/testing/property';
import { oneRun } from '../../test/one-run.ts';
import { treeWriter } from '../../test/tree-writer.ts';
import { logLine } from './log-tree.ts';
import { linesOf } from './run-lines.ts';

type Accepted = Extract<RunEvent, { type: 'orchestrator.run.accepted' }>;
type Batches = readonly (readonly RunEvent[])[];

const RUN = oneRun();
const ACCEPTED = RUN[0] as Accepted;

/** All files of the tree that these batches of one run leave. */
async function treeOf(batches: Batches): Promise<Record<string, string>> {
  const dir = await mkdtemp(join(tmpdir(), 'log-tree-'));
  try {
    const writer = treeWriter({ dir, findAccepted: async () => ACCEPTED });
    for (const batch of batches) await writer.write([batch]);
    const found = await readdir(dir, { recursive: true, withFileTypes: true });
    const files = found.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    const texts = await Promise.all(
      files.sort().map(async (path) => [path.slice(dir.length), await readFile(path, 'utf8')] as const),
    );
    return Object.fromEntries(texts);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

const cutAt = (cuts: readonly number[]): RunEvent[][] => {
  const ends = [...new Set([...cuts, RUN.length])].sort((a, b) => a - b);
  return ends.map((end, n) => RUN.slice(ends[n - 1] ?? 0, end)).filter((batch) => batch.length > 0);
};
const anyCuts = fc.array(fc.integer({ min: 1, max: RUN.length - 1 }), { maxLength: RUN.length });

describe('batches of the log tree', () => {
  it('leave the same files however a run is cut into batches, and however often one comes again', async () => {
    const whole = await treeOf([RUN]);
    await fc.assert(
      fc.asyncProperty(anyCuts, fc.array(fc.nat(), { maxLength: 4 }), async (cuts, again) => {
        const batches: RunEvent[][] = cutAt(cuts).flatMap((batch, n) => (again.includes(n) ? [batch, batch] : [batch]));
        expect(await treeOf(batches)).toEqual(whole);
      }),
      { numRuns: 25 },
    );
  });

  const [first, second, third] = cutAt([3, 6]) as [RunEvent[], RunEvent[], RunEvent[]];
  it.each<[string, Batches]>([
    ['lost', [first, third]],
    ['torn', [first, second.slice(0, 1), third]],
    ['out of order', [first, third, second]],
  ])('show a batch that is %s', async (_what, batches) => {
    expect(await treeOf(batches)).not.toEqual(await treeOf([RUN]));
  });

  it('have the lines that were always written', () => {
    const lines = [...linesOf(ACCEPTED, RUN).folders.values()].flat().sort((a, b) => a.seq - b.seq);
    const asBefore = RUN.map((event) => {
      const data = redactSecrets(event.data);
      return {
        seq: event.seq,
        line: `${JSON.stringify(logLine(event, truncateForLog(data)))}\n`,
        raw: `${JSON.stringify({ ...logLine(event, data), seq: event.seq })}\n`,
      };
    });
    expect(lines).toEqual(asBefore);
  });
});
