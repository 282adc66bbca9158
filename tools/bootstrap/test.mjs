// @ts-check
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { build, generate } from './build.mjs';
import { CannotSetUp } from './cannot-set-up.mjs';
import { alone } from './lock.mjs';
import { nodeForChildren } from './node.mjs';
import { ROOT, STATE } from './place.mjs';
import { setUp } from './set-up.mjs';
import { say, stage } from './stages.mjs';
import { testTools } from './tool-tests.mjs';

export const TEST_HELP = `Usage: ./switchyard test [--unit] [--grep TEXT] [--seed N] [path ...]

Installs and builds what is missing and runs the tests of every app and library. Tests that need servers start
private ones. The last line is "N passed, N failed"; the exit code is 0 only where every test passed.

  --unit       only the tests that need no server
  --grep TEXT  only the tests whose name contains TEXT (a regular expression)
  --seed N     what the property tests are asked: new questions each time, but where CI=true, always the same
  path ...     only the test files whose path contains this`;

/**
 * The arguments for Jest.
 * @param {{unit: boolean, grep: string | undefined, paths: readonly string[], results: string}} wanted
 */
export function jestArguments({ unit, grep, paths, results }) {
  const jest = join(ROOT, 'node_modules', 'jest', 'bin', 'jest.js');
  return [
    '--experimental-vm-modules',
    '--disable-warning=ExperimentalWarning',
    jest,
    '--config',
    join(ROOT, 'jest.config.js'),
    '--ci',
    '--forceExit',
    '--passWithNoTests',
    '--json',
    '--outputFile',
    results,
    ...(unit ? ['--testPathIgnorePatterns', '/node_modules/', '\\.int\\.test\\.ts$'] : []),
    ...(grep === undefined ? [] : ['--testNamePattern', grep]),
    ...(paths.length > 0 ? ['--testPathPatterns', ...paths] : []),
  ];
}

/** @typedef {{numPassedTests: number, numFailedTests: number, numRuntimeErrorTestSuites: number, success: boolean}} JestReport */

/**
 * The verdict over Jest's report and the tests of the tools. A file that did not even load counts as one failure; no
 * report and no test at all are failures too.
 * @param {JestReport | undefined} report
 * @param {import('./tool-tests.mjs').Counts} tools
 */
export function verdict(report, tools) {
  const passed = (report?.numPassedTests ?? 0) + tools.passed;
  const failed = (report ? report.numFailedTests + report.numRuntimeErrorTestSuites : 1) + tools.failed;
  return { line: `${passed} passed, ${failed} failed`, ok: failed === 0 && passed > 0 };
}

/**
 * @param {string} file
 * @returns {JestReport | undefined}
 */
function readReport(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

/**
 * @param {string[]} args
 * @returns {Promise<number>} the exit code
 */
export async function test(args) {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      unit: { type: 'boolean', default: false },
      grep: { type: 'string' },
      seed: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) {
    console.log(TEST_HELP);
    return 0;
  }
  if (values.seed !== undefined && !Number.isSafeInteger(Number(values.seed || NaN))) {
    console.error(`--seed is "${values.seed}"; give it a whole number, like 1.`);
    return 64;
  }
  try {
    await setUp({ build: false, servers: !values.unit, tests: true });
  } catch (error) {
    // A person who reads only the last line learns that nothing was tested.
    say(error instanceof Error ? error.message : String(error));
    console.log('0 passed, 1 failed');
    return error instanceof CannotSetUp ? error.exitCode : 1;
  }
  const built = await alone(() =>
    stage({ name: 'build', doing: 'generating and compiling', done: 'finished' }, async () => {
      try {
        await generate();
        await build();
        return true;
      } catch (error) {
        // The tests read the sources, so they run even if the build fails, and say more than the compiler.
        say(error instanceof Error ? error.message : String(error));
        return false;
      }
    }),
  );

  mkdirSync(STATE, { recursive: true });
  const results = join(STATE, `test-results-${process.pid}.json`);
  const jest = jestArguments({ unit: values.unit, grep: values.grep, paths: positionals, results });
  const seeded = values.seed === undefined ? {} : { PROPERTY_SEED: values.seed };
  const node = nodeForChildren();
  // Programs that tests start by the name `node` are the same one.
  const env = { ...process.env, ...seeded, PATH: `${dirname(node)}:${process.env['PATH']}` };
  const child = spawn(node, jest, { cwd: ROOT, env, stdio: ['ignore', 'ignore', 'inherit'] });
  await new Promise((resolve) => child.once('close', resolve).once('error', resolve));
  const report = readReport(results);
  rmSync(results, { force: true });
  const tools = await testTools({ grep: values.grep, paths: positionals });
  const { line, ok } = verdict(report, tools);
  if (!built) console.log('The build failed; see above.');
  console.log(line);
  return ok && built ? 0 : 1;
}
