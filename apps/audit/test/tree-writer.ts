import { createLogger, systemClock } from '@switchyard/platform';
import { TreeDisk, type TreeDiskOptions } from '../src/log-tree/tree-disk.ts';
import { type LogTreeParts, LogTreeWriter } from '../src/log-tree/writer.ts';

/** A writer whose disk works in the thread of the test. */
export function treeWriter({
  dir,
  maxFileBytes = 33_554_432,
  ...overrides
}: Partial<LogTreeParts & TreeDiskOptions> & Pick<TreeDiskOptions, 'dir'>): LogTreeWriter {
  const tree = new TreeDisk({ dir, maxFileBytes });
  return new LogTreeWriter({
    disk: { write: async (runs) => tree.write(runs) },
    log: createLogger({ app: 'audit', level: 'silent' }),
    clock: systemClock,
    findAccepted: async () => undefined,
    ...overrides,
  });
}
