// @ts-check
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { reviewLock } from './lock-review.mjs';
import { review } from './review.mjs';
import { licenceIn } from './rules.mjs';

const lock = JSON.parse(readFileSync(new URL('../../package-lock.json', import.meta.url), 'utf8'));
const { allowScripts } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
const circumstances = { allowScripts, shipped: true };

/** What the review says of our lock file after somebody changed an entry, or added one. */
function doctored(/** @type {string} */ path, /** @type {object} */ change) {
  const packages = { ...lock.packages, [path]: { ...lock.packages[path], ...change } };
  return reviewLock({ ...lock, packages }, circumstances);
}
const added = { version: '1.0.0', license: 'MIT', integrity: lock.packages['node_modules/jose'].integrity };

describe('the review of the lock files', () => {
  it('finds nothing in those of this clone', () => {
    assert.deepEqual(review(), []);
  });

  it('finds a package without a hash, or with a weak one', () => {
    assert.deepEqual(doctored('node_modules/jose', { integrity: undefined }), [
      'node_modules/jose has no SHA-512 hash',
    ]);
    assert.deepEqual(doctored('node_modules/jose', { integrity: 'sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=' }).length, 1);
  });

  it('finds a package that comes from somewhere else than the registry', () => {
    for (const resolved of [
      'git+ssh://git@github.com/a/b.git#1',
      'https://registry.npmjs.org.evil.example/a.tgz',
      'file:../a',
    ])
      assert.match(doctored('node_modules/pg', { resolved })[0] ?? '', /^node_modules\/pg comes from /);
    assert.deepEqual(doctored('node_modules/pg', { resolved: 'https://registry.npmjs.org/pg/-/pg-8.23.1.tgz' }), []);
  });

  it('finds an install script that nobody has looked at, and one that somebody allowed', () => {
    const [wrong] = doctored('node_modules/new-one', { ...added, hasInstallScript: true });
    assert.match(wrong ?? '', /new-one has an install script/);
    const allowed = reviewLock(lock, { ...circumstances, allowScripts: { ...allowScripts, nx: true } });
    assert.match(allowed[0] ?? '', /node_modules\/nx may run its install script/);
  });

  it('finds a licence that is not allowed where the package is used', () => {
    for (const license of [
      'GPL-3.0-only',
      'AGPL-3.0',
      'UNLICENSED',
      'MIT AND GPL-2.0',
      'EPL-2.0',
      'Proprietary OR GPL-2.0',
    ])
      assert.match(doctored('node_modules/new-one', { ...added, license })[0] ?? '', /is not allowed in an image/);
    for (const license of ['(MIT OR GPL-3.0-or-later)', 'Apache-2.0 AND MIT', 'MIT and ISC'])
      assert.deepEqual(doctored('node_modules/new-one', { ...added, license }), []);
    assert.deepEqual(doctored('node_modules/new-one', { ...added, dev: true, license: 'EPL-2.0' }), []);
    assert.match(
      doctored('node_modules/new-one', { ...added, dev: true, license: 'AGPL-3.0' })[0] ?? '',
      /for building/,
    );
  });

  it('finds a package without a licence that nobody has read, and one whose text says another', () => {
    assert.match(doctored('node_modules/new-one', { ...added, license: undefined })[0] ?? '', /names no licence/);
    assert.match(
      doctored('node_modules/new-one', { ...added, license: 'SEE LICENSE IN x' })[0] ?? '',
      /names no licence/,
    );
    const readLicence = (/** @type {string} */ path) => (path.endsWith('sasl-plain') ? 'ISC' : undefined);
    assert.deepEqual(reviewLock(lock, { ...circumstances, readLicence }), [
      'node_modules/sasl-plain is noted as MIT, and its LICENSE says ISC',
    ]);
  });

  it('finds a second version of what guards something', () => {
    const { version } = lock.packages['node_modules/jose'];
    assert.deepEqual(doctored('node_modules/x/node_modules/jose', { ...added, version: '5.0.0' }), [
      `jose is there in 2 versions: ${version}, 5.0.0`,
    ]);
    assert.deepEqual(doctored('node_modules/x/node_modules/jose', { ...added, version: '5.0.0', dev: true }), []);
  });

  it('finds a range of versions among what we ask for ourselves', () => {
    const { dependencies } = lock.packages['apps/gateway'];
    for (const range of ['^6.2.17', '>=6', '*', 'latest', '6.x', 'github:a/b', 'https://a.example/b.tgz'])
      assert.match(
        doctored('apps/gateway', { dependencies: { ...dependencies, jose: range } })[0] ?? '',
        /asks for jose/,
      );
  });

  it('knows the licences that it reads', () => {
    assert.equal(licenceIn('Permission is hereby granted, free of charge, to any person obtaining'), 'MIT');
    assert.equal(licenceIn('Apache License\n   Version 2.0, January 2004'), 'Apache-2.0');
    assert.equal(licenceIn('All rights reserved.'), undefined);
  });
});
