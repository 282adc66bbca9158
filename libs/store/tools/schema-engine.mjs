#!/usr/bin/env node
// @ts-check
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils';
import { dropShadowDatabases, MigrationAdapter } from './engine-adapter.mjs';
import { runCommand } from './engine-commands.mjs';

/*
 * Prisma's CLI talks to a schema engine, a binary that it downloads. This program is called in its place and runs the
 * same engine from the npm package @prisma/schema-engine-wasm, so that migrations need no network. What the CLI sends:
 *   --version                                          prints the engine's commit
 *   --datasource JSON cli <command>                    exit code; a failure is one JSON line on stderr
 *   --datasource JSON [--datamodels FILE]…             JSON-RPC 2.0, one message per line, on stdin and stdout
 * All Prisma packages must be of one release; the tests deploy and diff with this program to prove that they fit.
 */

const require = createRequire(import.meta.url);
const ENGINE = '@prisma/schema-engine-wasm/schema_engine_bg';
const engineFolder = dirname(require.resolve(ENGINE));
const ENGINE_FAILED = 4466;
/** Keeps the ids of our own messages apart from those of the CLI's. */
const OWN_IDS_FROM = 1_000_000;

const { values: options, positionals } = parseArgs({
  strict: false,
  allowPositionals: true,
  options: {
    version: { type: 'boolean' },
    datasource: { type: 'string' },
    datamodels: { type: 'string', multiple: true },
  },
});

/** @returns {string | undefined} */
function datasourceUrl() {
  const { url } = JSON.parse(typeof options.datasource === 'string' ? options.datasource : '{}');
  return typeof url === 'string' && url !== '' ? url : undefined;
}

function printVersion() {
  const { version } = JSON.parse(readFileSync(join(engineFolder, 'package.json'), 'utf8'));
  console.log(`schema-engine-wasm ${version.split('.').at(-1)}`);
}

/** What the engine said when it panicked. It says so through a global object and then fails in an unspecific way. */
let panic = '';
Object.assign(globalThis, {
  PRISMA_WASM_PANIC_REGISTRY: { set_message: (/** @type {string} */ message) => (panic = message) },
});

/** The engine's module with its WebAssembly loaded. */
async function loadEngine() {
  const bindings = await import(ENGINE);
  const bytes = readFileSync(join(engineFolder, 'schema_engine_bg.wasm'));
  const { instance } = await WebAssembly.instantiate(bytes, { './schema_engine_bg.js': bindings });
  bindings.__wbg_set_wasm(instance.exports);
  /** @type {() => void} */ (instance.exports['__wbindgen_start'])();
  return bindings;
}

async function createEngine() {
  const { SchemaEngine } = await loadEngine();
  const files = /** @type {string[]} */ (options.datamodels ?? []).map((path) => [path, readFileSync(path, 'utf8')]);
  // Without a URL the engine only works on files; an address nobody listens on says so if it tries otherwise.
  const target = new URL(datasourceUrl() ?? 'postgresql://127.0.0.1:1/none');
  const adapter = bindMigrationAwareSqlAdapterFactory(new MigrationAdapter(target));
  return SchemaEngine.new({ datamodels: files.length > 0 ? files : undefined }, () => undefined, adapter);
}

/** @param {object} message */
function send(message) {
  process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
}

/** An engine's error carries its fields as JSON in the message. @param {unknown} error */
function describe(error) {
  if (panic !== '') return { is_panic: true, message: panic };
  const { message, code } = /** @type {{message?: string, code?: string}} */ (error);
  try {
    return JSON.parse(message ?? '');
  } catch {
    return { is_panic: false, message: message ?? String(error), error_code: code };
  }
}

async function serve() {
  let engine;
  for await (const line of createInterface({ input: process.stdin })) {
    if (line.trim() === '') continue;
    const { id, method, params } = JSON.parse(line);
    if (method === undefined) continue; // The CLI's answer to a `print`.
    try {
      engine ??= await createEngine();
      const result = (await engine[method](params)) ?? {};
      if (method === 'diff' && typeof result.stdout === 'string') {
        // The binary prints a diff by asking the CLI to do it.
        send({ id: OWN_IDS_FROM + id, method: 'print', params: { content: result.stdout } });
        result.stdout = null;
      }
      send({ id, result });
    } catch (error) {
      const data = describe(error);
      send({ id, error: { code: ENGINE_FAILED, message: data.message, data } });
    }
  }
}

async function main() {
  if (options.version) {
    printVersion();
    return 0;
  }
  if (positionals[0] !== 'cli') {
    await serve().finally(dropShadowDatabases);
    return 0;
  }
  const failure = await runCommand(positionals[1] ?? '', datasourceUrl() ?? '');
  if (failure === undefined) return 0;
  const fields = { error_code: failure.code, message: failure.message };
  process.stderr.write(`\n${JSON.stringify({ level: 'ERROR', target: 'schema_engine::logger', fields })}`);
  return 1;
}

for (const signal of ['SIGTERM', 'SIGINT']) {
  process.once(signal, () => void dropShadowDatabases().finally(() => process.exit(1)));
}
// The connection pool would keep the process alive; the CLI has closed stdin and wants nothing more.
process.exit(await main());
