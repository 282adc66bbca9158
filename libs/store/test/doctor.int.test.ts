import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import { judgeMigrations, judgeReached, judgeRights } from '../src/doctor/judges.ts';
import { migrations } from '../src/postgres/migrate.ts';
import { probeDatabase, probeMigrations } from '../src/doctor/probe.ts';
import { RIGHTS } from '../src/doctor/rights.ts';
import { STORE_OWNERS } from '../src/store.ts';
import { startDatabase, type TestDatabase } from './database.ts';

/** What the doctor sees of PostgreSQL, whole and damaged, with logins like those of the services. */

const LIMIT_MS = 20_000;
let db: TestDatabase;
const mending: string[] = [];

beforeAll(async () => {
  db = await startDatabase();
  for (const owner of STORE_OWNERS) {
    await db.sql(`alter role ${RIGHTS[owner].role}_login password 'pw'`);
  }
});
afterEach(async () => {
  for (const statement of mending.splice(0)) await db.sql(statement);
});
afterAll(() => db?.stop());

/** Damages the database until the end of the test. */
async function damage(statement: string, mend: string): Promise<void> {
  mending.push(mend);
  await db.sql(statement);
}
const urlOf = (owner: keyof typeof RIGHTS, password = 'pw', role = RIGHTS[owner].role): string =>
  Object.assign(new URL(db.url), { username: `${role}_login`, password }).href;
const lookAll = () => Promise.all(STORE_OWNERS.map((owner) => probeDatabase(urlOf(owner), owner, LIMIT_MS)));
const rights = async () => judgeRights(await lookAll());
const migrated = async () => judgeMigrations(await probeMigrations(db.url, LIMIT_MS), new Map(migrations()));

it('knows every right that the migrations grant, and no other', async () => {
  const granted = await db.sql<{ table: string; role: string; verbs: string[] }>(
    `select n.nspname || '.' || c.relname as table, r.rolname as role, array_agg(lower(a.privilege_type) order by 1) as verbs
     from pg_class c join pg_namespace n on n.oid = c.relnamespace, aclexplode(c.relacl) a join pg_roles r on r.oid = a.grantee
     where c.relkind = 'r' and r.rolname like 'switchyard\\_%' and r.rolname <> 'switchyard_reader' group by 1, 2`,
  );
  const known = Object.values(RIGHTS).flatMap(({ role, tables }) =>
    Object.entries(tables).flatMap(([name, verbs]) =>
      verbs.length === 0 ? [] : [`${name} ${role} ${[...verbs].sort().join(' ')}`],
    ),
  );
  expect(known.sort()).toEqual(
    granted.map(({ table, role, verbs }) => `${table} ${role} ${[...verbs].sort().join(' ')}`).sort(),
  );
  const tables = await db.sql<{ name: string }>(
    `select schemaname || '.' || tablename as name from pg_tables where schemaname in ('orchestrator', 'mcp_tool', 'audit', 'computer_use')
     union all select schemaname || '.' || viewname from pg_views where schemaname in ('orchestrator', 'mcp_tool', 'audit', 'computer_use')`,
  );
  const all = [...new Set(Object.values(RIGHTS).flatMap(({ tables: own }) => Object.keys(own)))];
  expect(all.sort()).toEqual(tables.map(({ name }) => name).sort());
});

it('finds no fault in a migrated database, and leaves nothing in it', async () => {
  const seen = await lookAll();
  expect(judgeReached(seen, LIMIT_MS)).toMatchObject({ status: 'ok' });
  expect(judgeRights(seen)).toMatchObject({ status: 'ok' });
  expect(await migrated()).toMatchObject({ status: 'ok' });
  expect(JSON.stringify(seen)).not.toContain('pw@');
});

it('names a right that was taken, on a table, a column or a function', async () => {
  const role = RIGHTS.orchestrator.role;
  await damage(
    `revoke select on orchestrator.run_inbox from ${role}`,
    `grant select on orchestrator.run_inbox to ${role}`,
  );
  expect(await rights()).toMatchObject({
    status: 'fail',
    sentence: expect.stringMatching(/^orchestrator may not select orchestrator\.run_inbox, which it must/),
  });
  await db.sql(`grant select on orchestrator.run_inbox to ${role}`);
  const column = 'update (lease_until) on orchestrator.runs';
  await db.sql(`revoke ${column} from ${role}`);
  expect((await rights()).sentence).toMatch(/^orchestrator may not update orchestrator\.runs \(fault, lease_owner, /);
  await db.sql(`grant ${column} to ${role}`);
  const call = 'function orchestrator.stop_unwatched(text, int)';
  await damage(`revoke execute on ${call} from ${role}`, `grant execute on ${call} to ${role}`);
  expect((await rights()).sentence).toMatch(/^orchestrator may not execute orchestrator\.stop_unwatched/);
});

it('names a right that is too much: what is written in the journal is final', async () => {
  const role = RIGHTS.orchestrator.role;
  await damage(
    `grant update on orchestrator.run_events to ${role}`,
    `revoke update on orchestrator.run_events from ${role}`,
  );
  expect(await rights()).toMatchObject({
    status: 'fail',
    sentence: expect.stringMatching(
      /^orchestrator may update orchestrator\.run_events, which it must not: revoke update/,
    ),
  });
});

it('names a reader of what belongs to another service', async () => {
  const role = RIGHTS['mcp-tool'].role;
  await damage(
    `grant usage on schema orchestrator to ${role}; grant select on orchestrator.runs to ${role}`,
    `revoke select on orchestrator.runs from ${role}; revoke usage on schema orchestrator from ${role}`,
  );
  expect((await rights()).sentence).toMatch(/^mcp-tool may select orchestrator\.runs, which it must not/);
});

it('tells a login that may not act under its role from one that may do everything', async () => {
  await damage(
    "create role stranger_login login password 'pw'; grant connect on database switchyard to stranger_login",
    'drop owned by stranger_login; drop role stranger_login',
  );
  const stranger = await probeDatabase(urlOf('audit', 'pw', 'stranger'), 'audit', LIMIT_MS);
  expect(judgeRights([stranger]).sentence).toMatch(
    /may not act as switchyard_audit: grant switchyard_audit to stranger_login/,
  );
  const owner = await probeDatabase(db.url, 'audit', LIMIT_MS);
  expect(judgeRights([owner])).toMatchObject({ status: 'warn', sentence: expect.stringMatching(/is a superuser/) });
});

it('tells a wrong password, a database that is missing and a server that is away apart', async () => {
  const sentence = async (url: string) =>
    judgeReached([await probeDatabase(url, 'audit', LIMIT_MS)], LIMIT_MS).sentence;
  expect(await sentence(urlOf('audit', 'wrong'))).toMatch(/refuses the login of audit .*DATABASE_URL is wrong/);
  expect(await sentence(Object.assign(new URL(urlOf('audit')), { pathname: '/none' }).href)).toMatch(
    /"none" does not exist/,
  );
  expect(await sentence('postgresql://a:b@127.0.0.1:1/x')).toMatch(/ECONNREFUSED/);
  expect(await sentence('nonsense')).toMatch(/^DATABASE_URL is no URL such as/);
});

it('names a migration that is not applied, broke off, was edited, or is not of this code', async () => {
  const [last] = await db.sql<{ migration_name: string; id: string }>(
    'select id, migration_name from public._prisma_migrations order by migration_name desc limit 1',
  );
  const { migration_name: name, id } = last!;
  const where = `where id = '${id}'`;
  await db.sql(`create table kept as select * from public._prisma_migrations ${where}`);
  mending.push(
    `delete from public._prisma_migrations where migration_name in ('${name}', 'tomorrow')`,
    'insert into public._prisma_migrations select * from kept',
    'drop table kept',
  );
  await db.sql(`update public._prisma_migrations set checksum = 'x' ${where}`);
  expect((await migrated()).sentence).toMatch(new RegExp(`${name} was applied with another text`));
  await db.sql(`update public._prisma_migrations set finished_at = null ${where}`);
  expect((await migrated()).sentence).toMatch(new RegExp(`${name} broke off half-way`));
  await db.sql(`delete from public._prisma_migrations ${where}`);
  expect(await migrated()).toMatchObject({
    status: 'fail',
    sentence: expect.stringMatching(new RegExp(`^One migration is not applied, the first ${name}: `)),
  });
  await db.sql(
    "insert into public._prisma_migrations select id, checksum, finished_at, 'tomorrow', logs, null, started_at from kept",
  );
  expect((await migrated()).evidence).toContain('not of this code: tomorrow');
  await db.sql(
    'insert into public._prisma_migrations select gen_random_uuid(), checksum, finished_at, migration_name, logs, null, started_at from kept',
  );
  expect(await migrated()).toMatchObject({
    status: 'warn',
    sentence: expect.stringMatching(/does not know \(tomorrow\)/),
  });
});

it('leaves the list of migrations alone where the login may not read it', async () => {
  const seen = await probeMigrations(urlOf('audit'), LIMIT_MS);
  expect(judgeMigrations(seen, new Map(migrations()))).toMatchObject({ status: 'skipped' });
});
