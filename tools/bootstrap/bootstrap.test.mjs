// @ts-check
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { SERVERS, TEST_PACKAGES } from '../../libs/local-servers/binaries.mjs';
import { sourcesFingerprint } from './build.mjs';
import { ROOT } from './place.mjs';
import { progressLine } from './stages.mjs';
import { aptLine, installScript, missingServers } from './system-servers.mjs';
import { jestArguments, verdict } from './test.mjs';
import { tapCounts } from './tool-tests.mjs';

const folder = mkdtempSync(join(tmpdir(), 'switchyard-bootstrap-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** The installation script with its three paths moved below `folder` and a stand-in for apt-get. */
function installUnder(/** @type {string} */ aptGet) {
  const bin = join(folder, 'bin');
  mkdirSync(bin, { recursive: true });
  mkdirSync(join(folder, 'usr/sbin'), { recursive: true });
  writeFileSync(join(bin, 'apt-get'), `#!/bin/sh\n${aptGet}\n`);
  writeFileSync(join(bin, 'systemctl'), '#!/bin/sh\necho "$*" >> "$FOLDER/systemctl"\n');
  for (const program of ['apt-get', 'systemctl']) chmodSync(join(bin, program), 0o755);
  const script = installScript(SERVERS)
    .replaceAll('/usr/sbin/policy-rc.d', join(folder, 'usr/sbin/policy-rc.d'))
    .replaceAll('/etc/postgresql-common', join(folder, 'etc/postgresql-common'))
    .replaceAll('/var/lib/apt/lists', join(folder, 'lists'));
  return spawnSync('sh', ['-c', script], {
    encoding: 'utf8',
    env: { ...process.env, PATH: `${bin}:${process.env['PATH']}`, FOLDER: folder },
  });
}

describe('the installation of system packages', () => {
  it('forbids services and a PostgreSQL cluster while it runs, and leaves no trace of that', () => {
    const seen =
      'test -x "$FOLDER/usr/sbin/policy-rc.d" && cat "$FOLDER"/etc/postgresql-common/createcluster.d/*; echo "$RUNLEVEL $*"';
    const { stdout, status } = installUnder(seen);
    assert.equal(status, 0);
    assert.match(
      stdout,
      /create_main_cluster = false\n1 .*install -y --no-install-recommends nats-server postgresql redis-server prosody/,
    );
    assert.match(
      readFileSync(join(folder, 'systemctl'), 'utf8'),
      /^disable nats-server\ndisable postgresql\ndisable redis-server\ndisable prosody\n/,
    );
    assert.equal(existsSync(join(folder, 'usr/sbin/policy-rc.d')), false);
    assert.equal(existsSync(join(folder, 'etc/postgresql-common/createcluster.d/switchyard-install.conf')), false);
  });

  it('leaves a policy that was there before as it was, also where apt fails', () => {
    const policy = join(folder, 'usr/sbin/policy-rc.d');
    writeFileSync(policy, 'mine');
    assert.notEqual(installUnder('exit 100').status, 0);
    assert.equal(existsSync(policy), true);
    rmSync(policy);
  });

  it('names the exact line for a person who must run it', () => {
    assert.equal(aptLine(SERVERS.slice(0, 1)), 'apt-get install -y --no-install-recommends nats-server');
  });

  it('brings what only tests need to the tests alone', () => {
    assert.deepEqual(
      TEST_PACKAGES.map(({ aptPackage }) => aptPackage),
      ['ejabberd', 'python3-slixmpp', 'prometheus', 'xvfb', 'openbox', 'bubblewrap'],
    );
    assert.ok(!SERVERS.some(({ aptPackage }) => TEST_PACKAGES.some((each) => each.aptPackage === aptPackage)));
  });

  it('wants no server that a URL in the environment replaces', () => {
    const urls = Object.fromEntries(SERVERS.map((server) => [server.replacedBy, 'somewhere']));
    assert.deepEqual(missingServers({ ...urls, PATH: '/nowhere' }), []);
  });
});

describe('the verdict of the tests', () => {
  const report = { numPassedTests: 7, numFailedTests: 0, numRuntimeErrorTestSuites: 0, success: true };
  const none = { passed: 0, failed: 0 };

  it('is the sum of both runners', () => {
    assert.deepEqual(verdict(report, { passed: 2, failed: 0 }), { line: '9 passed, 0 failed', ok: true });
    assert.deepEqual(verdict(report, { passed: 2, failed: 1 }), { line: '9 passed, 1 failed', ok: false });
  });

  it('is a failure where a file did not load, where there is no report, and where no test ran', () => {
    assert.deepEqual(verdict({ ...report, numRuntimeErrorTestSuites: 1 }, none), {
      line: '7 passed, 1 failed',
      ok: false,
    });
    assert.equal(verdict(undefined, none).ok, false);
    assert.equal(verdict({ ...report, numPassedTests: 0 }, none).ok, false);
  });

  it('reads the totals of TAP', () => {
    assert.deepEqual(tapCounts('1..2\n# tests 3\n# pass 2\n# fail 1\n# cancelled 0\n'), { passed: 2, failed: 1 });
    assert.deepEqual(tapCounts('broken'), { passed: 0, failed: 1 });
  });

  it('asks Jest for what was wanted', () => {
    const args = jestArguments({ unit: true, grep: 'never', paths: ['apps/cli'], results: 'r.json' });
    assert.ok(args.includes('\\.int\\.test\\.ts$') && args.includes('never') && args.includes('apps/cli'));
    assert.ok(
      !jestArguments({ unit: false, grep: undefined, paths: [], results: 'r.json' }).includes('--testNamePattern'),
    );
  });
});

describe('the fast path', () => {
  it('knows within 200 ms whether the sources have changed', () => {
    const began = performance.now();
    const first = sourcesFingerprint();
    assert.ok(performance.now() - began < 200, 'took too long');
    assert.equal(sourcesFingerprint(), first);
  });

  it('aligns what it says', () => {
    assert.equal(progressLine('build', 'built', 1234).length, progressLine('packages', 'installed', 55_000).length);
  });
});

describe('the command itself', () => {
  it('answers help and a mistyped verb before anything is set up', () => {
    const call = (/** @type {string[]} */ ...args) => spawnSync(join(ROOT, 'switchyard'), args, { encoding: 'utf8' });
    assert.match(call('help').stdout, /^ {2}run /m);
    const mistyped = call('stauts');
    assert.equal(mistyped.status, 64);
    assert.match(mistyped.stderr, /Did you mean "status"\?/);
  });
});
