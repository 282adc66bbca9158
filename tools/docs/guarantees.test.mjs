import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const document = readFileSync(join(root, 'docs/guarantees.md'), 'utf8');
const guarantees = document.split('\n## ')[1].split('\n### ').slice(1);

const testsIn = (text) => [...text.matchAll(/`([^`]+\.test\.(?:ts|mjs))`/g)].map(([, path]) => path);

describe('the guarantees', () => {
  it('are numbered in order, and there are some', () => {
    assert.ok(guarantees.length > 0);
    guarantees.forEach((text, index) => assert.ok(text.startsWith(`${index + 1}. `), text.split('\n')[0]));
  });

  for (const text of guarantees) {
    const [title, promise, how, tests] = text.split(/\n\n/).map((each) => each.replaceAll('\n', ' ').trim());
    it(`${title}: has a promise, says how, and names its tests`, () => {
      assert.match(promise, /^\S.*\.$/);
      assert.ok(!/\. [A-Z]/.test(promise.replaceAll(/`[^`]*`/g, '')), 'the promise is one sentence');
      assert.match(how, /^\*\*How:\*\* /);
      assert.match(tests, /^\*\*Tests:\*\* /);
      assert.ok(testsIn(tests).length > 0);
    });
  }

  it('name only tests that exist', () => {
    for (const path of testsIn(document)) assert.ok(existsSync(join(root, path)), path);
  });
});
