// @ts-check
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { goOnWithPinnedNode, nodeForChildren, pinnedNode } from './node.mjs';
import { ROOT } from './place.mjs';

const read = (/** @type {string[]} */ ...path) => readFileSync(join(ROOT, ...path), 'utf8');
const pinned = new Set(Object.values(JSON.parse(read('package.json')).optionalDependencies));

describe('the Node.js of the packages', () => {
  it('is one version for every machine, and of the same line as the base of the images', () => {
    assert.equal(pinned.size, 1);
    const [version] = pinned;
    assert.match(read('infra', 'Dockerfile'), new RegExp(`ARG NODE_IMAGE=node:${String(version).split('.')[0]}-slim@`));
  });

  it('is what children run on, where npm has a build for the machine', { skip: !pinnedNode() }, () => {
    const { stdout } = spawnSync(nodeForChildren(), ['--version'], { encoding: 'utf8' });
    assert.ok(pinned.has(stdout.trim().slice(1)), stdout);
  });

  it('gives back the exit code of the command that it took over', async () => {
    assert.equal(await goOnWithPinnedNode('--eval', ['process.exit(7)']), 7);
  });
});
