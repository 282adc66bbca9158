import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ARROWS, FOLDERS } from './boundaries.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const MAX_FILES = 20;

/** Every folder of a project's sources, relative to `src`, with the names of the sources in it. */
function foldersOf(project, folder = '') {
  const entries = readdirSync(join(root, project, 'src', folder), { withFileTypes: true });
  const files = entries
    .map(({ name }) => name)
    .filter((name) => name.endsWith('.ts') && !/\.(test|fixture)\.ts$/.test(name));
  const inside = entries
    .filter((entry) => entry.isDirectory() && entry.name !== 'generated')
    .map(({ name }) => join(folder, name));
  return [{ folder, files }, ...inside.flatMap((name) => foldersOf(project, name))];
}

describe('folders of sources', () => {
  for (const project of Object.keys(ARROWS)) {
    it(`hold at most ${MAX_FILES} files each in ${project}`, () => {
      for (const { folder, files } of foldersOf(project))
        assert.ok(files.length <= MAX_FILES, `${project}/src/${folder} has ${files.length}: cut it by capability`);
    });
  }

  for (const [project, table] of Object.entries(FOLDERS)) {
    it(`stand in the table of the lint, and nothing else does, in ${project}`, () => {
      const there = foldersOf(project).filter(({ folder, files }) => folder !== '' && files.length > 0);
      assert.deepEqual(there.map(({ folder }) => folder).sort(), Object.keys(table).sort());
    });
  }
});
