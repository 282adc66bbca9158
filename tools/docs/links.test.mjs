import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const SKIPPED = new Set(['node_modules', 'dist', '.switchyard', '.nx', '.git', 'logs']);

function markdownFiles(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (SKIPPED.has(entry.name)) return [];
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return markdownFiles(path);
    return entry.name.endsWith('.md') ? [path] : [];
  });
}

describe('documents', () => {
  for (const file of markdownFiles(root)) {
    it(`${relative(root, file)} links only to what is there`, () => {
      const text = readFileSync(file, 'utf8').replaceAll(/```[\s\S]*?```/g, '');
      for (const [, target] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^(https?:|mailto:|#)/.test(target)) continue;
        assert.ok(existsSync(join(dirname(file), target.split('#')[0])), `${target} does not exist`);
      }
    });
  }

  it('keep a README of an app within 60 lines', () => {
    for (const app of readdirSync(join(root, 'apps'))) {
      const file = join(root, 'apps', app, 'README.md');
      if (!existsSync(file)) continue;
      const lines = readFileSync(file, 'utf8').split('\n').length;
      assert.ok(lines <= 61, `apps/${app}/README.md has ${lines} lines`);
    }
  });
});
