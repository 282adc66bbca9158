// @ts-check
import { randomUUID } from 'node:crypto';
import { PrismaPg } from '@prisma/adapter-pg';
import { ColumnTypeEnum } from '@prisma/driver-adapter-utils';
import pg from 'pg';

/*
 * The driver through which the schema engine reaches PostgreSQL. It is Prisma's own adapter with three differences:
 * - The adapter uses one session for everything: the engine's advisory lock belongs to the session that took it.
 * - The adapter sends a migration as one script. Prisma's adapter would cut it at every ";", also inside a function's
 *   body.
 * - A shadow database is really another database; Prisma's adapter would hand out the main one again.
 */

/*
 * PostgreSQL's catalogues answer with the internal type "char", which the adapter refuses and the engine expects as a
 * character. The client passes it under the type that the adapter reads as a list of characters; `connect` corrects it.
 */
const OID_CHAR = 18;
const OID_CHAR_ARRAY = 1002;

/** @template T @param {T} result */
function charsAsLists(result) {
  const fields = /** @type {{fields?: {dataTypeID: number}[]}} */ (result)?.fields ?? [];
  for (const field of fields) if (field.dataTypeID === OID_CHAR) field.dataTypeID = OID_CHAR_ARRAY;
  return result;
}

/** @param {import('@prisma/driver-adapter-utils').ColumnType} type */
function listsAsChars(type) {
  return type === ColumnTypeEnum.CharacterArray ? ColumnTypeEnum.Character : type;
}

class CatalogueClient extends pg.Client {
  /** @param {any[]} args pg's overloads: the last one may be a callback */
  query(...args) {
    const last = args.at(-1);
    if (typeof last === 'function') {
      args[args.length - 1] = (/** @type {unknown} */ error, /** @type {unknown} */ result) =>
        last(error, charsAsLists(result));
    }
    const pending = /** @type {(...args: any[]) => any} */ (super.query).apply(this, args);
    return pending instanceof Promise ? pending.then(charsAsLists) : pending;
  }
}

/** The connection string for `pg`: without what only Prisma understands. @param {URL} target */
export function connectionString(target) {
  const url = new URL(target);
  for (const name of ['schema', 'connection_limit', 'pgbouncer', 'pool_timeout']) url.searchParams.delete(name);
  return url.href;
}

/** @param {URL} target @param {string} database */
export function withDatabase(target, database) {
  const url = new URL(target);
  url.pathname = `/${encodeURIComponent(database)}`;
  return url;
}

export class MigrationAdapter extends PrismaPg {
  #target;

  /** @param {URL} target */
  constructor(target) {
    const schema = target.searchParams.get('schema');
    super(
      {
        connectionString: connectionString(target),
        max: 1, // the session that took the advisory lock
        idleTimeoutMillis: 0,
        Client: /** @type {any} */ (CatalogueClient), // The adapter was compiled against a later edition of pg's types.
      },
      schema === null ? undefined : { schema },
    );
    this.#target = target;
  }

  /** @override */
  async connect() {
    const adapter = await super.connect();
    adapter.executeScript = async (script) => {
      try {
        await adapter.underlyingDriver().query(script); // whole, not cut at each ";"
      } catch (error) {
        // Protected, but the one place that turns a driver's error into what the engine reports.
        /** @type {any} */ (adapter).onError(error);
      }
    };
    const query = adapter.queryRaw.bind(adapter);
    adapter.queryRaw = async (statement) => {
      const result = await query(statement);
      return { ...result, columnTypes: result.columnTypes.map(listsAsChars) };
    };
    return adapter;
  }

  /** @override */
  async connectToShadowDb() {
    const name = `switchyard_shadow_${randomUUID()}`;
    const main = await this.connect();
    await main.executeScript(`create database ${pg.escapeIdentifier(name)}`);
    const shadow = await new MigrationAdapter(withDatabase(this.#target, name)).connect();
    const close = shadow.dispose.bind(shadow);
    const drop = async () => {
      if (!shadows.delete(drop)) return;
      await close();
      await main.executeScript(`drop database if exists ${pg.escapeIdentifier(name)} with (force)`);
      await main.dispose();
    };
    shadows.add(drop);
    shadow.dispose = drop;
    return shadow;
  }
}

/** @type {Set<() => Promise<void>>} */
const shadows = new Set();

/** Drops the shadow databases that are left. The CLI goes away without telling the engine to. */
export async function dropShadowDatabases() {
  await Promise.all([...shadows].map((drop) => drop()));
}
