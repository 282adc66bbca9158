import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { startDatabase, type TestDatabase } from './database.ts';

/* docs/reference/access.md is written from src/doctor/granted.ts, and this holds it against PostgreSQL. */

const run = promisify(execFile);
const cwd = fileURLToPath(new URL('..', import.meta.url));
let db: TestDatabase;

beforeAll(async () => {
  db = await startDatabase();
});
afterAll(() => db?.stop());

const check = () =>
  run(process.execPath, ['tools/grants.mjs', 'check'], { cwd, env: { ...process.env, DATABASE_URL: db.url } });

it('the page of what each service may do in the database says what the migrations grant (else: npm run gen:access)', async () => {
  await check();
});

it.each([
  ['a table', 'grant truncate on mcp_tool.notes to switchyard_mcp_tool'],
  ['a column', 'grant update (answer) on orchestrator.runs to switchyard_orchestrator'],
  ['a schema', 'grant create on schema audit to switchyard_audit'],
  [
    'a function',
    'grant execute on function audit.same_body(text, text) to public; grant usage on schema audit to public',
  ],
  ['the list of migrations', 'grant select on public._prisma_migrations to public'],
  ['a function of the owner that became one of the caller', 'alter function audit.put_summaries security invoker'],
])('notices a grant of %s that nobody wrote down', async (_of, grant) => {
  await db.sql(grant);
  await expect(check()).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining('npm run gen:access') });
});
