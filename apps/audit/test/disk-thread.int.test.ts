import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { DiskThread } from '../src/log-tree/index.ts';

let dir: string;
let thread: DiskThread;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'disk-thread-'));
  thread = new DiskThread({ dir: join(dir, 'logs'), maxFileBytes: 1_000_000 });
});
afterEach(async () => {
  await thread.close();
  await rm(dir, { recursive: true, force: true });
});

const run = (runId: string) => ({
  runId,
  names: [runId],
  metadata: JSON.stringify({ run_id: runId }),
  folders: new Map([['orchestrator', [{ seq: 1, line: '{}\n', raw: '{"seq":1}\n' }]]]),
});
const folders = async () => (await readdir(join(dir, 'logs'))).sort();

describe('the thread of the log tree', () => {
  it('writes what it is given', async () => {
    await thread.write([run('one'), run('two')]);
    expect(await folders()).toEqual(['one', 'two']);
  });

  it('says that the disk refuses, and goes on with the next batch', async () => {
    await writeFile(join(dir, 'logs'), 'a file where a folder should be');
    await expect(thread.write([run('one')])).rejects.toThrow(/ENOTDIR|EEXIST/);
    await rm(join(dir, 'logs'));
    await thread.write([run('two')]);
    expect(await folders()).toEqual(['two']);
  });

  it('takes one batch at a time', async () => {
    const first = thread.write([run('one')]);
    await expect(thread.write([run('two')])).rejects.toThrow('not written yet');
    await first;
  });

  it('starts anew after it ended, and leaves no batch without an answer', async () => {
    await thread.write([run('one')]);
    const cut = thread.write([run('two')]).catch(() => undefined);
    await thread.close();
    await cut;
    await thread.write([run('three')]);
    expect(await folders()).toContain('three');
  });
});
