import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { migrateDatabase } from '../src/index.ts';
import { startDatabase, type TestDatabase } from './database.ts';

const run = promisify(execFile);
const home = fileURLToPath(new URL('..', import.meta.url));
const migrations = readdirSync(`${home}/prisma/migrations`).filter((name) => /^\d/.test(name));

let db: TestDatabase;

beforeAll(async () => {
  db = await startDatabase();
});
afterAll(() => db?.stop());

function tool(verb: string, env: NodeJS.ProcessEnv = {}): Promise<{ stdout: string }> {
  return run(process.execPath, ['tools/prisma.mjs', verb], { cwd: home, env: { ...process.env, ...env } });
}

const databases = async () =>
  (await db.sql<{ datname: string }>('select datname from pg_database')).map((d) => d.datname);
const elsewhere = (name: string) => Object.assign(new URL(db.url), { pathname: `/${name}` }).href;

it('adds up to the schema, and leaves no shadow database behind', async () => {
  const { stdout } = await tool('check', { DATABASE_URL: db.url });
  expect(stdout).toContain('No difference detected');
  expect((await databases()).filter((name) => name.includes('shadow'))).toEqual([]);
});

it('notices a schema that went on without a migration', async () => {
  await db.sql('select 1'); // The server is up: what fails below fails for the drift.
  const args = ['migrate', 'diff', '--from-config-datasource', '--to-schema', 'prisma/schema.prisma', '--exit-code'];
  const cli = fileURLToPath(new URL('../../../node_modules/prisma/build/index.js', import.meta.url));
  const diff = () =>
    run(process.execPath, [cli, ...args], { cwd: home, env: { ...process.env, DATABASE_URL: db.url } });
  expect((await diff()).stdout).toContain('No difference detected');
  await db.sql('alter table mcp_tool.notes add column extra text');
  await expect(diff()).rejects.toMatchObject({ code: 2, stdout: expect.stringContaining('extra') });
  await db.sql('alter table mcp_tool.notes drop column extra');
});

it('applies every migration once, also to callers that come at the same time', async () => {
  const url = elsewhere('fresh');
  await Promise.all([migrateDatabase(url), migrateDatabase(url)]);
  expect(await databases()).toContain('fresh');
  const started = Date.now();
  await migrateDatabase(url);
  expect(Date.now() - started).toBeLessThan(15_000);
  const applied = await db.sql<{ migration_name: string }>('select migration_name from public._prisma_migrations');
  expect(applied.map((row) => row.migration_name).sort()).toEqual(migrations);
});

it('says what is wrong where a database cannot be migrated', async () => {
  await expect(migrateDatabase('postgresql://nobody:x@127.0.0.1:1/none')).rejects.toThrow(
    /P1001|reach database server/,
  );
  const wrong = Object.assign(new URL(db.url), { password: 'wrong' }).href;
  await expect(migrateDatabase(wrong)).rejects.toThrow(/P1000|Authentication failed/);
});

it('generates the client in no time where the schema is the same', async () => {
  await tool('generate');
  const started = Date.now();
  await tool('generate');
  expect(Date.now() - started).toBeLessThan(15_000);
  expect(existsSync(`${home}/src/generated/client.ts`)).toBe(true);
});

it('hands over to a real schema engine that is named in the environment', async () => {
  const env = { DATABASE_URL: db.url, PRISMA_SCHEMA_ENGINE_BINARY: '/bin/false' };
  await expect(tool('migrate', env)).rejects.toMatchObject({ code: 1 });
});
