// @ts-check
import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { nodeForChildren } from './node.mjs';
import { ROOT, STATE } from './place.mjs';

/* The tests of tools/ run under node:test, since tools/ has to work before Jest is installed. */

/** @typedef {{passed: number, failed: number}} Counts */

/**
 * The totals at the end of a TAP report. A report without totals is one failure: the run broke.
 * @param {string} tap
 * @returns {Counts}
 */
export function tapCounts(tap) {
  /** @param {string} name */
  const total = (name) => {
    const found = new RegExp(`^# ${name} (\\d+)$`, 'm').exec(tap);
    return found ? Number(found[1]) : undefined;
  };
  const passed = total('pass');
  const failed = total('fail');
  return passed === undefined || failed === undefined
    ? { passed: 0, failed: 1 }
    : { passed, failed: failed + (total('cancelled') ?? 0) };
}

function testFiles() {
  return readdirSync(join(ROOT, 'tools'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name }) => readdirSync(join(ROOT, 'tools', name)).map((file) => join('tools', name, file)))
    .filter((file) => file.endsWith('.test.mjs'));
}

/**
 * @param {{grep: string | undefined, paths: readonly string[]}} wanted
 * @returns {Promise<Counts>}
 */
export async function testTools({ grep, paths }) {
  const files = testFiles().filter((file) => paths.length === 0 || paths.some((path) => file.includes(path)));
  if (files.length === 0) return { passed: 0, failed: 0 };
  mkdirSync(STATE, { recursive: true });
  const results = join(STATE, `tool-results-${process.pid}.tap`);
  const args = [
    '--test',
    '--test-reporter=spec',
    '--test-reporter-destination=stderr',
    '--test-reporter=tap',
    `--test-reporter-destination=${results}`,
    ...(grep === undefined ? [] : [`--test-name-pattern=${grep}`]),
    ...files,
  ];
  const child = spawn(nodeForChildren(), args, { cwd: ROOT, stdio: ['ignore', 'ignore', 'inherit'] });
  await new Promise((resolve) => child.once('close', resolve).once('error', resolve));
  try {
    return tapCounts(readFileSync(results, 'utf8'));
  } catch {
    return { passed: 0, failed: 1 };
  } finally {
    rmSync(results, { force: true });
  }
}
