import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { GRANTED } from '../src/doctor/granted.ts';
import { STORE_OWNERS, type StoreOptions } from '../src/index.ts';
import { startDatabase, type TestDatabase } from './database.ts';
import { BEYOND, BEYOND_OUTSIDE, EXTENSIONS, NOT_INSTALLED } from './takeover-attempts.ts';

/*
 * Somebody with the login of a service on PostgreSQL, and nothing else. What such a login may do is in
 * docs/reference/access.md, which is written from src/doctor/granted.ts; here all that is beside it is tried.
 */

type Owner = StoreOptions['app'];
interface Rights {
  readonly role: string;
  readonly tables: Readonly<
    Record<
      string,
      { readonly verbs: readonly string[]; readonly columns?: Readonly<Record<string, readonly string[]>> }
    >
  >;
  readonly functions: readonly string[];
  readonly functionsAsOwner: readonly string[];
}
const rightsOf = (owner: Owner): Rights => GRANTED[owner];
const NOT_ALLOWED = '42501';

let db: TestDatabase;
const thieves = new Map<Owner, pg.Client>();
let tables: { name: string; columns: string[] }[];

beforeAll(async () => {
  db = await startDatabase();
  tables = await db.sql(
    `select n.nspname || '.' || c.relname as name, array_agg(quote_ident(a.attname) order by a.attnum) as columns
     from pg_class c join pg_namespace n on n.oid = c.relnamespace
       join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
     where c.relkind = 'r' and n.nspname in ('orchestrator', 'mcp_tool', 'audit', 'public') group by 1 order by 1`,
  );
  for (const owner of STORE_OWNERS) thieves.set(owner, await enter(owner));
});
afterAll(async () => {
  await Promise.all([...thieves.values()].map((client) => client.end()));
  await db?.stop();
});

async function enter(owner: Owner, database?: string): Promise<pg.Client> {
  const url = new URL(db.urlFor(owner));
  if (database !== undefined) url.pathname = `/${database}`;
  const client = new pg.Client({ connectionString: url.href });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** What the server says to a statement: `done`, or the code of its refusal. Nothing of it stays. */
async function said(owner: Owner, text: string): Promise<string> {
  const thief = thieves.get(owner)!;
  await thief.query('begin');
  try {
    return await thief.query(text).then(
      () => 'done',
      (error: { code?: string }) => error.code ?? String(error),
    );
  } finally {
    await thief.query('rollback');
  }
}

/** Of these statements those that are not refused for want of a right, with what the server said. */
async function beyond(owner: Owner, statements: readonly string[], refusals = [NOT_ALLOWED]): Promise<string[]> {
  const open: string[] = [];
  for (const text of statements) {
    const answer = await said(owner, text);
    if (!refusals.includes(answer)) open.push(`${answer}: ${text}`);
  }
  return open;
}

describe.each(STORE_OWNERS)('the login of %s', (owner) => {
  const { role, tables: granted, functions, functionsAsOwner } = rightsOf(owner);

  it('does with each table what its page says, and nothing else', async () => {
    for (const { name, columns } of tables) {
      const { verbs, columns: some = {} } = granted[name] ?? { verbs: [] };
      const statements: [verb: string, text: string][] = [
        ['select', `select from ${name} where false`],
        ['insert', `insert into ${name} select * from ${name} where false`],
        ['delete', `delete from ${name} where false`],
        ['truncate', `truncate ${name}`],
      ];
      for (const [verb, text] of statements)
        expect([name, verb, await said(owner, text)]).toEqual([
          name,
          verb,
          verbs.includes(verb) ? 'done' : NOT_ALLOWED,
        ]);
      for (const column of columns) {
        const may = verbs.includes('update') || some['update']?.includes(column);
        const answer = await said(owner, `update ${name} set ${column} = ${column} where false`);
        expect([name, column, answer]).toEqual([name, column, may ? 'done' : NOT_ALLOWED]);
      }
      const shape = [
        `alter table ${name} disable trigger all`,
        `alter table ${name} add column x int`,
        `alter table ${name} drop constraint ${name.split('.')[1]}_pkey`,
        `alter table ${name} owner to ${role}`,
        `alter table ${name} enable row level security`,
        `create index on ${name} (${columns[0]})`,
        `create policy p on ${name}`,
        `create rule r as on insert to ${name} do instead nothing`,
        `create trigger t after insert on ${name} for each row execute function suppress_redundant_updates_trigger()`,
        `drop table ${name} cascade`,
        `comment on table ${name} is 'mine'`,
        `copy ${name} to '/tmp/stolen'`,
        `copy ${name} to program 'cat'`,
      ];
      expect(await beyond(owner, shape)).toEqual([]);
    }
  });

  it('calls the functions of its page, and none of the others', async () => {
    const all = await db.sql<{ name: string }>(
      `select p.oid::regprocedure::text as name from pg_proc p join pg_namespace n on n.oid = p.pronamespace
       where n.nspname in ('orchestrator', 'mcp_tool', 'audit') and p.prorettype <> 'trigger'::regtype`,
    );
    const own = new Set([...functions, ...functionsAsOwner]);
    expect(own.size).toBeGreaterThan(0);
    for (const { name } of all) {
      const [, call, types] = /^([^(]+)\((.*)\)$/.exec(name)!;
      const nulls =
        types === ''
          ? ''
          : types!
              .split(',')
              .map((type) => `null::${type}`)
              .join(', ');
      const refused = (await said(owner, `select * from ${call}(${nulls})`)) === NOT_ALLOWED;
      expect([name, refused]).toEqual([name, !own.has(name)]);
      expect(await beyond(owner, [`alter function ${name} security definer`, `drop function ${name}`])).toEqual([]);
    }
  });

  it('gets nothing else of the server: no files, programs, passwords, roles, objects or settings', async () => {
    expect(await beyond(owner, BEYOND)).toEqual([]);
    for (const text of BEYOND_OUTSIDE)
      await expect(thieves.get(owner)!.query(text)).rejects.toMatchObject({ code: NOT_ALLOWED });
    const extensions = EXTENSIONS.map((name) => `create extension ${name}`);
    expect(await beyond(owner, extensions, [NOT_ALLOWED, ...NOT_INSTALLED])).toEqual([]);
  });

  it('becomes nobody else, and takes no more rights than it has', async () => {
    const others = [...STORE_OWNERS.filter((other) => other !== owner).map((other) => rightsOf(other).role)];
    const roles = [...others, ...others.map((other) => `${other}_login`), 'switchyard'];
    for (const other of roles) {
      const statements = [
        `set role ${other}`,
        `set session authorization ${other}`,
        `grant ${other} to ${role}_login`,
        `alter role ${other} password 'mine'`,
        `alter role ${other} set statement_timeout = 1`,
        `drop role ${other}`,
        `do $$ begin set local role ${other}; end $$`,
      ];
      expect(await beyond(owner, statements)).toEqual([]);
    }
    const self = ['superuser', 'createrole', 'createdb', 'bypassrls', 'replication', 'connection limit -1'];
    expect(
      await beyond(
        owner,
        self.map((right) => `alter role ${role}_login ${right}`),
      ),
    ).toEqual([]);
    const thief = thieves.get(owner)!;
    await thief.query(`set role ${role}`);
    expect(await beyond(owner, [`set role switchyard`, `create table public.mine (n int)`])).toEqual([]);
    await thief.query('reset role');
    const { rows } = await thief.query('select current_user as name');
    expect(rows).toEqual([{ name: `${role}_login` }]);
  });

  it('hands none of its rights on', async () => {
    const rights = () =>
      db.sql(
        `select 'class' as of, oid, relacl::text as acl from pg_class union all select 'proc', oid, proacl::text from pg_proc
         union all select 'schema', oid, nspacl::text from pg_namespace
         union all select 'database', oid, datacl::text from pg_database order by 1, 2`,
      );
    const before = await rights();
    const own = Object.keys(granted).filter((name) => granted[name]!.verbs.length > 0);
    for (const name of own) await thieves.get(owner)!.query(`grant all on ${name} to public`); // a warning, and no grant
    for (const name of functionsAsOwner) await thieves.get(owner)!.query(`grant all on function ${name} to public`);
    expect(await rights()).toEqual(before);
  });

  it('enters no other database of the server', async () => {
    for (const database of ['postgres', 'template1'])
      await expect(enter(owner, database)).rejects.toMatchObject({ code: NOT_ALLOWED });
  });

  it('holds a bounded number of sessions, and ends nobody else’s', async () => {
    const held: pg.Client[] = [];
    let refusal: unknown;
    while (refusal === undefined && held.length < 100)
      await enter(owner).then(
        (client) => held.push(client),
        (error: unknown) => (refusal = error),
      );
    try {
      expect(refusal).toMatchObject({ code: '53300' });
      for (const other of STORE_OWNERS.filter((each) => each !== owner)) await (await enter(other)).end();
      const [admin] = await db.sql<{ pid: number }>('select pg_backend_pid() as pid');
      expect(
        await beyond(owner, [`select pg_terminate_backend(${admin!.pid})`, `select pg_cancel_backend(${admin!.pid})`]),
      ).toEqual([]);
    } finally {
      await Promise.all(held.map((client) => client.end()));
    }
  });
});

describe('the login of orchestrator', () => {
  const at = [
    'forged',
    'acme',
    'ada',
    't',
    'key',
    'hash',
    'task',
    1,
    'orchestrator.task.accepted',
    '{}',
    null,
    2,
    [],
    [],
  ];
  const append = (runId: string, epoch: number, after: number, status: string | null) =>
    thieves
      .get('orchestrator')!
      .query<{ outcome: string }>(
        `select outcome from orchestrator.append_events($1, $2, $3, array['orchestrator.task.completed'], array[null], array['{}'],
           array[null], array[2], array[]::text[], array[]::text[], 0, null, null, null, null, $4, 'answer', null, null, null)`,
        [runId, epoch, after, status],
      )
      .then(({ rows }) => rows[0]!.outcome);

  it('gets by no promise of the journal: what is written stays, and nothing follows the end', async () => {
    const thief = thieves.get('orchestrator')!;
    const parameters = at.map((_, i) => `$${i + 1}`).join(', ');
    await thief.query(`select * from orchestrator.accept_run(${parameters}, 'me', 60000, 'queue', '{}', 100)`, at);
    expect(await append('forged', 7, 1, null)).toBe('fenced');
    expect(await append('forged', 1, 5, null)).toBe('conflict');
    expect(await append('forged', 1, 1, 'completed')).toBe('appended');
    expect(await append('forged', 1, 2, null)).toBe('ended');
    const runs = (sql: string) => said('orchestrator', `update orchestrator.runs set ${sql} where run_id = 'forged'`);
    expect(await runs(`phase = 'running'`)).toBe('23514');
    expect(await runs('settled = true')).toBe('23514');
    expect(await runs('published_seq = 99')).toBe('23514');
    const { rows } = await thief.query(
      `select orchestrator.expire_run('forged', '{}', 0) as expired, orchestrator.remove_runs(10, 0) as removed`,
    );
    expect(rows).toEqual([{ expired: false, removed: 0 }]);
  });
});

describe('the login of mcp-tool', () => {
  it('changes no known outcome of an effect', async () => {
    const thief = thieves.get('mcp-tool')!;
    await thief.query(
      `select mcp_tool.begin_effect('e', 'acme', 'ada', 'k', null, null, 'pay', 'write', 'none', 'h', '{}', 'me', 60000, false, true)`,
    );
    await thief.query(`select mcp_tool.dispatch_effect('e', 1, 60000)`);
    const complete = (state: string) =>
      thief.query(`select outcome from mcp_tool.complete_effect('e', 1, '${state}', '"${state}"')`);
    expect((await complete('succeeded')).rows).toEqual([{ outcome: 'completed' }]);
    expect((await complete('failed')).rows).toEqual([{ outcome: 'refused' }]);
    const settled = await thief.query(
      `select mcp_tool.settle_effect('e', 'acme', 'failed', '""', 'me', null) as outcome`,
    );
    expect(settled.rows).toEqual([{ outcome: 'not_in_doubt' }]);
    expect((await thief.query('select mcp_tool.remove_effects(10, 0) as removed')).rows).toEqual([{ removed: 0 }]);
  });
});
