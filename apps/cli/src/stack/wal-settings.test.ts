import { describe, expect, it } from '@jest/globals';
import { walSettings } from './wal-settings.ts';

describe('the settings of the WAL archive', () => {
  it('are off where no folder is named', () => {
    expect(walSettings({ WAL_ARCHIVE_GB: '5' })).toBeUndefined();
  });

  it('are refused with a sentence where the folder cannot be written or the bound is none', () => {
    expect(() => walSettings({ WAL_ARCHIVE_DIR: '/proc/none' })).toThrow(
      /^WAL_ARCHIVE_DIR: \/proc\/none cannot be written/,
    );
    for (const wrong of ['0', '-1', 'much', 'NaN', 'Infinity'])
      expect(() => walSettings({ WAL_ARCHIVE_DIR: '/tmp', WAL_ARCHIVE_GB: wrong })).toThrow(/WAL_ARCHIVE_GB: expected/);
  });
});
