#!/usr/bin/env node
/**
 * Writes every document that follows from the code: `node tools/gen/gen.mjs`.
 * With `--check` it writes nothing and fails where a document differs from what the code says now.
 * It reads the built contracts and configurations, so build first (`npm run build` or `npm run types`).
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { renderAccess } from './access.mjs';
import { renderAsyncApi } from './asyncapi.mjs';
import { renderChart } from './chart.mjs';
import { renderConfig, renderEnvExample, renderEnvLocalExample } from './config.mjs';
import { renderDashboards } from './dashboards.mjs';
import { renderErrors } from './errors.mjs';
import { readLogEvents, renderLogEvents } from './log-events.mjs';
import { renderNatsPermissions } from './nats-permissions.mjs';
import { renderServiceVariables } from './service-variables.mjs';
import { renderSpans } from './spans.mjs';
import { renderSubjects } from './subjects.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const built = (path) => import(pathToFileURL(join(root, path)).href);
const json = (value) => `${JSON.stringify(value, null, 2)}\n`;

/** Apps with a configuration that are no service; the reference lists them after the services. */
const NO_SERVICES = ['cli', 'dev-model', 'mock-a2a'];

/** Every generated document: path -> text. */
export async function renderAll() {
  const contracts = await built('libs/contracts/dist/index.js');
  const documents = new Map([
    ['docs/reference/subjects.md', renderSubjects(contracts)],
    ['docs/reference/asyncapi.json', json(renderAsyncApi(contracts))],
    ['docs/reference/errors.md', renderErrors(contracts)],
    ['infra/nats/permissions.conf', renderNatsPermissions(contracts)],
  ]);
  documents.set('docs/reference/spans.md', renderSpans(await built('libs/platform/dist/index.js')));
  documents.set('docs/reference/log-events.md', renderLogEvents(await readLogEvents()));
  const logins = await built('libs/local-servers/dist/index.js');
  const { GRANTED } = await built('libs/store/dist/doctor/granted.js');
  documents.set('docs/reference/access.md', renderAccess({ contracts, logins, granted: GRANTED }));
  documents.set('infra/postgres/logins.sql', logins.loginScript());
  const { buildOpenApi } = await built('libs/contracts/dist/http.js');
  const openApi = buildOpenApi();
  documents.set('docs/reference/openapi.json', json(openApi));
  for (const [path, dashboard] of renderDashboards()) documents.set(path, json(dashboard));
  const configs = await readConfigs([...contracts.APPS, ...NO_SERVICES]);
  documents.set('docs/reference/config.md', renderConfig(configs, await built('libs/platform/dist/index.js')));
  documents.set('.env.example', renderEnvExample(configs));
  documents.set('.env.local.example', renderEnvLocalExample(configs));
  documents.set('apps/cli/src/environment/service-variables.ts', renderServiceVariables(configs));
  for (const [path, text] of renderChart({ root, generated: documents, openApi, configs })) documents.set(path, text);
  return documents;
}

async function readConfigs(apps) {
  const { configPrefixes, describeConfig } = await built('libs/platform/dist/index.js');
  const configs = [];
  for (const app of apps) {
    const path = `apps/${app}/dist/config.js`;
    if (!existsSync(join(root, path))) {
      if (existsSync(join(root, `apps/${app}/src/config.ts`)))
        throw new Error(`${app} is not built: ${path} is missing`);
      continue;
    }
    const { Config } = await built(path);
    if (Config === undefined) throw new Error(`apps/${app}/src/config.ts must export its zod schema as "Config"`);
    configs.push({ app, variables: describeConfig(Config), prefixes: configPrefixes(Config) });
  }
  return configs;
}

async function main() {
  const check = process.argv.includes('--check');
  const stale = [];
  for (const [path, text] of await renderAll()) {
    const file = join(root, path);
    const current = existsSync(file) ? readFileSync(file, 'utf8') : undefined;
    if (current === text) continue;
    stale.push(path);
    if (check) continue;
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  if (check && stale.length > 0) {
    process.stderr.write(`Out of date: ${stale.join(', ')}. Run "npm run gen" and commit the result.\n`);
    process.exitCode = 1;
  } else {
    process.stdout.write(stale.length > 0 ? `Written: ${stale.join(', ')}\n` : 'Generated documents are up to date.\n');
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
