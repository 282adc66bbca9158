// @ts-check
import pg from 'pg';
import { connectionString, withDatabase } from './engine-adapter.mjs';

/** SQLSTATE -> what Prisma calls it; anything else is "cannot reach the server". */
const PRISMA_CODES = new Map([
  ['3D000', 'P1003'], // no such database
  ['28P01', 'P1000'], // wrong password
  ['28000', 'P1000'],
]);

/** The database is there already; 23505: another caller made it at the same moment. */
const EXISTS = new Set(['42P04', '23505']);

/** The database in which one may create or drop another. */
const NEUTRAL_DATABASE = 'postgres';

/** @type {Record<string, {neutral: boolean, sql: (database: string) => string}>} */
const COMMANDS = {
  'can-connect-to-database': { neutral: false, sql: () => 'select 1' },
  'create-database': { neutral: true, sql: (name) => `create database ${pg.escapeIdentifier(name)}` },
  'drop-database': {
    neutral: true,
    sql: (name) => `drop database if exists ${pg.escapeIdentifier(name)} with (force)`,
  },
};

/**
 * Runs one of the engine's `cli` commands.
 * @param {string} name
 * @param {string} url
 * @returns {Promise<{code: string, message: string} | undefined>} why it failed, in Prisma's codes
 */
export async function runCommand(name, url) {
  const command = COMMANDS[name];
  if (command === undefined) return { code: 'P1001', message: `This schema engine has no command "${name}".` };
  const target = new URL(url);
  const database = decodeURIComponent(target.pathname.slice(1));
  const address = command.neutral ? withDatabase(target, NEUTRAL_DATABASE) : new URL(target);
  const client = new pg.Client({ connectionString: connectionString(address), connectionTimeoutMillis: 10_000 });
  client.on('error', () => undefined); // The statement that waits for the connection rejects as well.
  try {
    await client.connect();
    await client.query(command.sql(database));
    return undefined;
  } catch (error) {
    const { code, message } = /** @type {{code?: string, message?: string}} */ (error);
    if (name === 'create-database' && EXISTS.has(code ?? '')) return undefined;
    const why = message === undefined || message === '' ? String(code ?? error) : message;
    return {
      code: PRISMA_CODES.get(code ?? '') ?? 'P1001',
      message: `${why} (database "${database}", ${target.host})`,
    };
  } finally {
    await client.end().catch(() => undefined);
  }
}
