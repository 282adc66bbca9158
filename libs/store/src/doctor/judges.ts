import { type Finding, found } from '@switchyard/contracts';
import { type DatabaseSeen, type MigrationsSeen, NO_URL, type RightTried } from './probe.ts';
import { RIGHTS } from './rights.ts';

/* Checks 31, 38 and 39: facts about PostgreSQL in, verdicts out. Pure. */

const { ok, warn, fail, skipped } = found;

const NO_SUCH_ROLE = '22023';
const MIGRATE = './switchyard up applies them here; elsewhere: npm run migrate -w @switchyard/store';

/** Check 31 */
export function judgeReached(seen: readonly DatabaseSeen[], limitMs: number): Finding {
  const evidence = seen.map(({ app, server, login, version, superuser, refused }) =>
    refused
      ? `${app} at ${server}: ${refused.code} ${refused.message}`
      : `${app} at ${server}: let in as ${login} (PostgreSQL ${version})${superuser ? ', a superuser' : ''}`,
  );
  const away = seen.find(({ refused }) => refused !== undefined);
  if (away) return fail(refusalSentence(away, limitMs), evidence);
  return ok(
    `PostgreSQL ${seen[0]?.version} at ${seen[0]?.server} lets in ${seen.map(({ app }) => app).join(', ')}.`,
    evidence,
  );
}

function refusalSentence({ app, server, refused }: DatabaseSeen, limitMs: number): string {
  const { code = '', message = '' } = refused ?? {};
  if (code === NO_URL)
    return 'DATABASE_URL is no URL such as postgresql://user:password@host:5432/database: correct it.';
  if (code === 'ECONNREFUSED')
    return `${server} refused the connection (ECONNREFUSED): no PostgreSQL listens there. Start it, or correct DATABASE_URL.`;
  if (code === '28P01' || code === '28000')
    return `${server} refuses the login of ${app} (${message}): the user or password in its DATABASE_URL is wrong.`;
  if (code === '3D000') return `${server}: ${message}. Create it, or correct DATABASE_URL.`;
  if (code === '53300')
    return `${server} has no connection left (${message}): raise max_connections, or lower DATABASE_POOL_SIZE.`;
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return `The name in DATABASE_URL (${server}) is not known to DNS: correct it.`;
  if (/timeout/i.test(message) || code === 'ETIMEDOUT')
    return `${server} did not answer within ${limitMs / 1_000} s: a firewall, or a server that hangs.`;
  return `${server} let nobody in as ${app}: ${message}.`;
}

/** Check 38. `wanted`: the migrations of this code, by name with their checksums. */
export function judgeMigrations({ rows, refused }: MigrationsSeen, wanted: ReadonlyMap<string, string>): Finding {
  if (!rows && refused?.code === '42501')
    return skipped('This login may not read the list of migrations; the one that owns the database may.');
  if (!rows) return fail(`The list of migrations could not be read: ${refused?.message ?? 'no answer'}.`);
  const applied = new Map(rows.filter(({ state }) => state === 'applied').map((row) => [row.name, row.checksum]));
  const failed = rows.filter(({ name, state }) => state === 'failed' && !applied.has(name)).map(({ name }) => name);
  const missing = [...wanted.keys()].filter((name) => !applied.has(name));
  const changed = [...wanted]
    .filter(([name, sum]) => applied.has(name) && applied.get(name) !== sum)
    .map(([name]) => name);
  const unknown = [...applied.keys()].filter((name) => !wanted.has(name));
  const evidence = [
    `${applied.size} applied, ${wanted.size} in this code`,
    ...failed.map((name) => `broke off: ${name}`),
    ...missing.map((name) => `not applied: ${name}`),
    ...changed.map((name) => `applied with another text: ${name}`),
    ...unknown.map((name) => `not of this code: ${name}`),
  ];
  if (failed.length > 0)
    return fail(
      `Migration ${failed[0]} broke off half-way: mend what it says, then "prisma migrate resolve" it.`,
      evidence,
    );
  if (missing.length > 0)
    return fail(
      `${missing.length === 1 ? 'One migration is' : `${missing.length} migrations are`} not applied, the first ${missing[0]}: ${MIGRATE}.`,
      evidence,
    );
  if (changed.length > 0)
    return fail(
      `Migration ${changed[0]} was applied with another text than this code has: one of the two was edited after it was released.`,
      evidence,
    );
  if (unknown.length > 0)
    return warn(
      `The database has ${unknown.length === 1 ? 'a migration' : `${unknown.length} migrations`} that this code does not know (${unknown[0]}): a newer version migrated it. Older code goes on working; update it.`,
      evidence,
    );
  return ok(`All ${wanted.size} migrations are applied, and no other.`, evidence);
}

const named = ({ verb, table }: RightTried): string => `${verb} ${table}`;

/** Check 39 */
export function judgeRights(seen: readonly DatabaseSeen[]): Finding {
  const wrong = (each: DatabaseSeen) =>
    (each.rights ?? []).filter((right) => right.wanted !== right.allowed || right.failed);
  const evidence = seen.flatMap((each) => [
    each.roleRefused
      ? `${each.app}: set role ${RIGHTS[each.app].role}: ${each.roleRefused.message}`
      : `${each.app} as ${RIGHTS[each.app].role}: ${each.rights?.length ?? 0} tried, ${wrong(each).length} not as they should be`,
    ...wrong(each)
      .slice(0, 8)
      .map((right) => `${each.app}: ${named(right)}: ${right.failed ?? (right.allowed ? 'allowed' : 'refused')}`),
    ...(each.uncallable ?? []).slice(0, 8).map((name) => `${each.app}: execute ${name}: refused`),
  ]);
  const shut = seen.find(({ roleRefused }) => roleRefused !== undefined);
  if (shut) return fail(roleSentence(shut), evidence);
  for (const each of seen) {
    const [lacking] = wrong(each).filter(({ wanted }) => wanted);
    if (lacking?.failed)
      return fail(
        `${each.app} cannot ${named(lacking)}: ${lacking.failed}. Look at the migrations (check 38).`,
        evidence,
      );
    if (lacking || each.uncallable?.length)
      return fail(
        `${each.app} may not ${lacking ? named(lacking) : `execute ${each.uncallable![0]}`}, which it must: somebody took the right from ${RIGHTS[each.app].role}; the grants are in libs/store/prisma/migrations.`,
        evidence,
      );
    const [excess] = wrong(each).filter(({ allowed }) => allowed);
    if (excess)
      return fail(
        `${each.app} may ${named(excess)}, which it must not: revoke ${excess.verb} on ${excess.table} from ${RIGHTS[each.app].role}.`,
        evidence,
      );
  }
  const mighty = seen.find(({ superuser }) => superuser);
  if (mighty)
    return warn(
      `The roles have the rights that they need and no others, but the login ${mighty.login} is a superuser: in production give each service a login that is a member of its role alone.`,
      evidence,
    );
  return ok('Each service has the rights that it needs, and no others.', evidence);
}

function roleSentence({ app, login, roleRefused }: DatabaseSeen): string {
  const { role } = RIGHTS[app];
  if (roleRefused?.code === NO_SUCH_ROLE)
    return `The role ${role} does not exist: no migration is applied. ${MIGRATE}.`;
  return `The login ${login} of ${app} may not act as ${role}: grant ${role} to ${login}.`;
}
