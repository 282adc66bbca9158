import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import openapiTS, { astToString } from 'openapi-typescript';

/* The OpenAPI document, as other people's tools read it. */

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const DOCUMENT = join(ROOT, 'docs/reference/openapi.json');
const LIMIT_MS = 120_000;
const { resolve } = createRequire(import.meta.url);
const run = promisify(execFile);

const folder = await mkdtemp(join(tmpdir(), 'switchyard-openapi-'));
after(() => rm(folder, { recursive: true, force: true }));

/** Runs a program of a package; resolves to its exit code and all that it said. */
function program(file, args) {
  const env = {
    PATH: process.env.PATH,
    HOME: folder,
    REDOCLY_TELEMETRY: 'off',
    REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true',
  };
  return run(process.execPath, [file, ...args], { cwd: folder, env, timeout: LIMIT_MS, maxBuffer: 2 ** 24 }).then(
    ({ stdout, stderr }) => ({ code: 0, said: stdout + stderr }),
    ({ code, stdout, stderr, message }) => ({ code: code ?? -1, said: `${stdout}${stderr}` || message }),
  );
}

describe('the OpenAPI document', () => {
  it('has no error and no warning by the recommended rules of Redocly', async () => {
    const cli = join(resolve('@redocly/cli/package.json'), '../bin/cli.js');
    const { code, said } = await program(cli, ['lint', DOCUMENT, '--extends=recommended', '--format=json']);
    const { totals, problems } = JSON.parse(said.slice(said.indexOf('{'), said.lastIndexOf('}') + 1));
    assert.deepEqual(
      problems.map(({ ruleId, message }) => `${ruleId}: ${message}`),
      [],
    );
    assert.deepEqual([code, totals.errors, totals.warnings, totals.ignored], [0, 0, 0, 0]);
  });

  it('gives types with names, which compile strictly and know what an answer is', async () => {
    const types = astToString(await openapiTS(JSON.parse(await readFile(DOCUMENT, 'utf8'))));
    await writeFile(join(folder, 'switchyard.ts'), types);
    await writeFile(join(folder, 'client.ts'), CLIENT);
    const tsc = resolve('typescript/bin/tsc');
    const strict = ['--strict', '--exactOptionalPropertyTypes', '--noUncheckedIndexedAccess', '--noImplicitOverride'];
    const how = ['--noEmit', '--module', 'nodenext', '--target', 'es2022'];
    const { code, said } = await program(tsc, [...strict, ...how, 'client.ts']);
    assert.deepEqual({ code, said }, { code: 0, said: '' });
  });
});

const CLIENT = `
import type { components, operations } from './switchyard.js';

type Schemas = components['schemas'];
type Answer<Id extends keyof operations, Status extends keyof operations[Id]['responses']> =
  operations[Id]['responses'][Status] extends { content: { 'application/json': infer Body } } ? Body : never;
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

export const named: [
  Same<Answer<'getRun', 200>, Schemas['Run']>,
  Same<Answer<'listRuns', 200>, Schemas['RunList']>,
  Same<Schemas['RunList']['runs'][number], Schemas['RunSummary']>,
  Same<Schemas['Run']['approvals'][number], Schemas['Approval']>,
  Same<Answer<'listTools', 200>, Schemas['ToolList']>,
  Same<Answer<'createRun', 202>, Schemas['RunStarted']>,
  Same<Answer<'queryAudit', 200>['records'][number], Schemas['AuditRecord']>,
] = [true, true, true, true, true, true, true];

export const asked: Schemas['OrchestrateRequest'] = { task: 'What is 6*7?', budget: { max_steps: 3 } };
// @ts-expect-error a task is needed
export const empty: Schemas['OrchestrateRequest'] = {};

export function told(problem: Schemas['Problem']): string {
  return problem.code === 'thread_busy' ? 'wait' : problem.detail;
}
`;
