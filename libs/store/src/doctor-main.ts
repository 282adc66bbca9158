import { type Finding, found, toCheck } from '@switchyard/contracts';
import { judgeMigrations, judgeReached, judgeRights, probeDatabase, probeMigrations } from './doctor/index.ts';
import { migrations } from './postgres/index.ts';
import { STORE_OWNERS } from './store.ts';

/*
 * Runs the checks of PostgreSQL; prints one JSON document per line on stdout. Environment: DOCTOR_LIMIT_MS,
 * DATABASE_URL (of the login that owns the database) and, for each owner of tables, DATABASE_URL_<OWNER>.
 */

const limitMs = Number(process.env['DOCTOR_LIMIT_MS'] ?? 5_000);
const urlOf = (owner: string): string | undefined =>
  process.env[`DATABASE_URL_${owner.toUpperCase().replaceAll('-', '_')}`];

async function tell(number: number, name: string, find: () => Finding | Promise<Finding>): Promise<Finding> {
  const began = performance.now();
  const finding = await find();
  const check = toCheck({ number, group: 'postgres', name }, finding, performance.now() - began);
  process.stdout.write(`${JSON.stringify(check)}\n`);
  return finding;
}

const owners = STORE_OWNERS.flatMap((app) => (urlOf(app) === undefined ? [] : [{ app, url: urlOf(app)! }]));
const looking = Promise.all(owners.map(({ app, url }) => probeDatabase(url, app, limitMs)));
const reached = await tell(31, 'PostgreSQL', async () => judgeReached(await looking, limitMs));
const url = process.env['DATABASE_URL'];
await tell(38, 'migrations', async () => {
  if (reached.status === 'fail') return found.notReached('check 31 failed.');
  if (url === undefined) return found.notReached('there is no login that owns the database.');
  return judgeMigrations(await probeMigrations(url, limitMs), new Map(migrations()));
});
await tell(39, 'rights in the database', async () =>
  reached.status === 'fail' ? found.notReached('check 31 failed.') : judgeRights(await looking),
);
