import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { FIELD_WORDS } from './field-words.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');

/** Sources of the product. Stand-ins and tests have names of their own. */
const SOURCES = ['apps/*/src/*.ts', 'libs/*/src/*.ts'];
const APART = /^(apps\/(e2e|dev-model|mock-a2a)|libs\/testing)\/|\.(test|fixture|d)\.ts$|\/generated\//;

const NO_PLURALS = new Set(['chaos', 'nats', 'postgres', 'redis', 'tls']);

const files = execFileSync('git', ['ls-files', ...SOURCES], { cwd: root, encoding: 'utf8' })
  .split('\n')
  .filter((file) => file !== '' && !APART.test(file));

const glossary = readFileSync(join(root, 'docs/glossary.md'), 'utf8');
const ENTRY = /^\| ([^|]+?) +\|/gm;
const HEAD = /^(word|-+)$/;
const inAlphabet = (a, b) => (a.toLowerCase() < b.toLowerCase() ? -1 : 1);
const entries = [...glossary.matchAll(ENTRY)].map(([, word]) => word).filter((word) => !HEAD.test(word));
const defined = new Set(entries.flatMap((entry) => entry.replaceAll(/\(.*?\)/g, '').split(/,|-| /)).map(singular));

function singular(word) {
  const lower = word.trim().toLowerCase();
  if (NO_PLURALS.has(lower)) return lower;
  if (lower === 'cookies') return 'cookie';
  if (/ies$/.test(lower)) return lower.replace(/ies$/, 'y');
  if (/(sh|ch|ss|x)es$/.test(lower)) return lower.replace(/es$/, '');
  return /[^su]s$/.test(lower) ? lower.slice(0, -1) : lower;
}

/** The last words of file names and class names, each with a place where it is used. */
function nouns() {
  const found = new Map();
  for (const file of files) {
    const [name] = file.split('/').at(-1).split('.');
    found.set(singular(name.split('-').at(-1)), file);
    const text = readFileSync(join(root, file), 'utf8');
    for (const [, className] of text.matchAll(/^(?:export )?(?:abstract )?class (\w+)/gm)) {
      const word = className.match(/[A-Z][a-z0-9]+|[A-Z0-9]+(?![a-z])/g)?.at(-1) ?? className;
      found.set(singular(word), `${className} in ${file}`);
    }
  }
  return found;
}

describe('the glossary', () => {
  it('defines every noun that names a file or a class, but for words of the field', () => {
    const missing = [...nouns()].filter(([word]) => !defined.has(word) && !FIELD_WORDS.has(word));
    assert.deepEqual(missing.map(([word, place]) => `${word}: ${place}`).sort(), []);
  });

  it('has each word once, in the order of the alphabet', () => {
    assert.equal(new Set(entries).size, entries.length);
    for (const table of glossary.split('\n## ').slice(1)) {
      const words = [...table.matchAll(ENTRY)].map(([, word]) => word).filter((word) => !HEAD.test(word));
      assert.deepEqual(words, words.toSorted(inAlphabet));
    }
  });
});
