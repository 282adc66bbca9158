import { DATABASE_ROLES, databaseLogin, passwordName } from './logins.ts';
import type { Passwords } from './passwords.ts';

/** A login of one app: a member of its role, without further rights. */
export interface DatabaseLogin {
  readonly login: string;
  readonly password: string;
  readonly memberOf: string;
}

/** The logins on PostgreSQL. The migrations decide what their roles may do. */
export function databaseLogins(passwords: Pick<Passwords, 'of'>): DatabaseLogin[] {
  return Object.values(DATABASE_ROLES).map((memberOf) => {
    const login = databaseLogin(memberOf);
    return { login, memberOf, password: passwords.of(passwordName('postgres', login)) };
  });
}

/** The limit of sessions at the same time. All logins together leave some to the owner, who migrates and repairs. */
export const DATABASE_SESSIONS = { server: 260, login: 60 } as const;

/**
 * Settings of a login's sessions. The login may change the first two for itself; the pools of the services set shorter
 * ones.
 */
export const DATABASE_SETTINGS: Readonly<Record<string, string>> = {
  statement_timeout: '60s',
  idle_in_transaction_session_timeout: '60s',
  temp_file_limit: '2GB',
};

/**
 * Rights that PostgreSQL gives to everybody by default and no service needs: to hold locks that others wait for, to
 * keep files in the database, and to write to its WAL.
 */
const TAKEN_FUNCTIONS = `p.proname in ('lo_create', 'lo_creat', 'lo_from_bytea', 'pg_logical_emit_message')
      or p.proname ~ '^pg_(try_)?advisory_'`;
/** Databases that every server has. A login may not connect to them. */
const OTHER_DATABASES = ['postgres', 'template1'];

interface HowToWrite {
  /** Quotes an SQL identifier. */
  readonly database: string;
  identifier(name: string): string;
  literal(text: string): string;
  /** Quotes an SQL literal. */
  passwordOf(login: string): string;
}

/**
 * The statements with which a superuser creates the logins, or resets existing ones, and revokes from everybody else
 * what PostgreSQL grants to all. They may run as often as needed; they undo what a login changed about itself (its
 * password, its settings, the members of its role).
 */
export function loginStatements(
  logins: readonly Omit<DatabaseLogin, 'password'>[],
  { database, identifier, literal, passwordOf }: HowToWrite,
): string[] {
  const madeOnce = (role: string): string =>
    `do $$ begin if to_regrole(${literal(identifier(role))}) is null then create role ${identifier(role)} nologin; end if; end $$`;
  return [
    `revoke connect, temporary on database ${database} from public`,
    'revoke create on schema public from public',
    `do $$ declare v_name name; begin
  for v_name in select d.datname from pg_database d where d.datname in (${OTHER_DATABASES.map(literal).join(', ')}) loop
    execute format('revoke connect, temporary on database %I from public', v_name);
  end loop;
end $$`,
    `do $$ declare v_function regprocedure; begin
  for v_function in
    select p.oid from pg_proc p
    where p.pronamespace = 'pg_catalog'::regnamespace and (${TAKEN_FUNCTIONS})
      and has_function_privilege('public', p.oid, 'execute')
  loop
    execute format('revoke execute on function %s from public', v_function);
  end loop;
end $$`,
    ...logins.flatMap(({ login, memberOf }) => {
      const [name, role] = [identifier(login), identifier(memberOf)];
      return [
        madeOnce(memberOf),
        madeOnce(login),
        `alter role ${name} with login nosuperuser nocreatedb nocreaterole noreplication nobypassrls connection limit ${DATABASE_SESSIONS.login} password ${passwordOf(login)}`,
        `alter role ${name} reset all`,
        `alter role ${name} in database ${database} reset all`,
        ...Object.entries(DATABASE_SETTINGS).map(([key, value]) => `alter role ${name} set ${key} = ${literal(value)}`),
        `do $$ declare v_member name; begin
  for v_member in select m.rolname from pg_auth_members a join pg_roles m on m.oid = a.member where a.roleid = to_regrole(${literal(name)}) loop
    execute format('revoke %I from %I', ${literal(login)}, v_member);
  end loop;
end $$`,
        `grant ${role} to ${name}`,
        `grant connect on database ${database} to ${name}`,
      ];
    }),
  ];
}

const quoted = (mark: string) => (text: string) => `${mark}${text.replaceAll(mark, mark + mark)}${mark}`;

/** infra/postgres/logins.sql: the same for psql, with passwords from the environment (`SWITCHYARD_AUDIT_PASSWORD`). */
export function loginScript(): string {
  const logins = Object.values(DATABASE_ROLES).map((memberOf) => ({ memberOf, login: databaseLogin(memberOf) }));
  const variableOf = (login: string): string => `${login.replace(/_login$/, '')}_password`;
  const statements = loginStatements(logins, {
    database: ':"DBNAME"',
    identifier: quoted('"'),
    literal: quoted("'"),
    passwordOf: (login) => `:'${variableOf(login)}'`,
  });
  const environment = logins.map(({ login }) => `\\getenv ${variableOf(login)} ${variableOf(login).toUpperCase()}`);
  return `-- Generated by \`npm run gen\` from libs/local-servers/src/access/database-access.ts. Do not edit.
-- One login for each service that owns tables, with nothing but the rights of its role, which the migrations made. Runs
-- at every start (the \`database-logins\` container), so that a new password counts. Passwords come by the environment.
\\set ON_ERROR_STOP on
set client_min_messages = warning;
${environment.join('\n')}

${statements.map((statement) => `${statement};`).join('\n')}
`;
}
