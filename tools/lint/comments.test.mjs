import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
/** A comment that is a letter and a number and nothing else. */
const LABEL = /^\s*(\/\/|\/\*\*?)\s*[A-Z]\d+\s*(\*\/)?$/;
/** A bullet of a head comment that begins with such a label. */
const NUMBERED = /^ \* +[A-Z]\d{1,2}[: ]/;

const sources = execFileSync('git', ['ls-files', '*.ts', '*.mjs'], { cwd: root, encoding: 'utf8' }).trim().split('\n');

describe('comments', () => {
  it('say a sentence: none is a label alone, and no list is numbered by letters', () => {
    const found = sources.flatMap((file) =>
      readFileSync(join(root, file), 'utf8')
        .split('\n')
        .flatMap((line, index) =>
          LABEL.test(line) || NUMBERED.test(line) ? [`${file}:${index + 1}: ${line.trim()}`] : [],
        ),
    );
    assert.deepEqual(found, []);
  });
});
