#!/usr/bin/env node
// @ts-check
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/*
 * Prisma's commands as this library uses them. Works without network.
 *   generate   the client in src/generated; nothing where the schema has not changed
 *   migrate    applies the migrations that DATABASE_URL does not have yet
 *   check      exit code 2 where the migrations do not add up to the schema (DATABASE_URL: any server; a shadow database)
 */

const require = createRequire(import.meta.url);
const home = fileURLToPath(new URL('..', import.meta.url));
const schema = join(home, 'prisma', 'schema.prisma');
const stamp = join(home, 'src', 'generated', '.schema-hash');
const LIMIT_MS = 300_000;
const FIND_LIMIT_MS = 15_000;
const packageFile = require.resolve('prisma/package.json');

/**
 * @param {string[]} args
 * @param {'inherit' | 'pipe'} [stdout]
 */
function prisma(args, stdout = 'inherit') {
  const cli = join(dirname(packageFile), 'build', 'index.js');
  const env = { ...process.env, PRISMA_HIDE_UPDATE_MESSAGE: '1', CHECKPOINT_DISABLE: '1', NO_UPDATE_NOTIFIER: '1' };
  /** @type {import('node:child_process').StdioOptions} */
  const stdio = ['ignore', stdout, 'inherit'];
  const done = spawnSync(process.execPath, [cli, ...args], { cwd: home, stdio, env, timeout: LIMIT_MS });
  if (done.error) throw done.error;
  return { status: done.status ?? 1, output: done.stdout?.toString() ?? '' };
}

function generate() {
  const wanted = createHash('sha256').update(readFileSync(packageFile)).update(readFileSync(schema)).digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return 0;
  const { status, output } = prisma(['generate', '--no-hints'], 'pipe');
  if (status === 0) writeFileSync(stamp, wanted);
  else process.stderr.write(output);
  return status;
}

/** The CLI's exit code is 0 also where its engine died; only its words say that the two are the same. */
function check() {
  const args = ['--from-migrations', 'prisma/migrations', '--to-schema', schema, '--exit-code'];
  const { status, output } = prisma(['migrate', 'diff', ...args], 'pipe');
  process.stdout.write(output);
  return status === 0 && !output.includes('No difference detected') ? 1 : status;
}

/** Prisma knows URLs of one server only: of several, the one that takes writes. */
async function migrate() {
  const url = process.env['DATABASE_URL'] ?? '';
  if (url.includes(',')) {
    const { primaryUrl } = await import(new URL('../dist/postgres/hosts.js', import.meta.url).href);
    process.env['DATABASE_URL'] = await primaryUrl(url, FIND_LIMIT_MS);
  }
  return prisma(['migrate', 'deploy']).status;
}

/** @type {Record<string, () => number | Promise<number>>} */
const COMMANDS = {
  generate,
  migrate,
  check,
};

const command = COMMANDS[process.argv[2] ?? ''];
if (command === undefined) {
  console.error(`usage: prisma.mjs ${Object.keys(COMMANDS).join(' | ')}`);
  process.exit(64);
}
process.exit(await command());
