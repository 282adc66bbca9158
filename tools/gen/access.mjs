import { code, GENERATED, table } from './markdown.mjs';

/**
 * docs/reference/access.md: the rights of each service's login, which are also those of an attacker who took over the
 * service.
 */
export function renderAccess({ contracts, logins, granted }) {
  const { ACTS_FOR, APPS } = contracts;
  const sections = APPS.map((app) =>
    [
      `## ${app}`,
      bus(contracts, app),
      actsFor(ACTS_FOR[app], app),
      redis(logins, app),
      database(logins, granted[app]),
    ].join('\n\n'),
  );
  return `${GENERATED}

# What each service may do

Each service logs in as itself, with a password of its own on each server, and a login can do what is written here and
nothing else. So this is also what somebody can do who has taken a service over. Tests play that part with each login:
\`libs/bus/test/border.int.test.ts\`, \`libs/local-servers/test/redis-takeover.int.test.ts\`,
\`libs/store/test/takeover.int.test.ts\`.

- **NATS**: default deny; the subjects are in [subjects.md](subjects.md#permissions). A request is answered where its asker
  signed it with a key of the two services alone, and where the asker may act on behalf of whom it names.
- **Redis**: keys by pattern, commands by name. Every login may also ${logins.REDIS_COMMANDS.map((name) => code(name.replace('|', ' '))).join(', ')}. Scripts are held to
  the same keys and commands. Nobody publishes or subscribes, and nobody enters without a login.
- **PostgreSQL**: the services that own tables have a login, a member of one role without any other right. It connects to
  one database, with at most ${logins.DATABASE_SESSIONS.login} sessions at a time; it makes no table, function, temporary table, large object or extension,
  reads no file, runs no program, holds no advisory lock of its own, and becomes no other role. What it changes about itself
  (its password, its settings) is set right at the next start. Its sessions begin with ${Object.entries(
    logins.DATABASE_SETTINGS,
  )
    .map(([key, value]) => code(`${key} = ${value}`))
    .join(', ')}.
  This holds on the servers of \`./switchyard\` and Docker Compose (\`infra/postgres/logins.sql\`); on a server of your own
  run that script as well.

${sections.join('\n\n')}

${reader(granted.reader)}
`;
}

/** A role that no service has. */
function reader({ role, tables }) {
  return `## People who read the database

The role ${code(role)} cannot log in and has no member; \`grant ${role} to <login>\` makes a login one. It reads what is
here, of every tenant, and changes nothing.

${mayTable(tables)}`;
}

function bus({ allPermissions, REQUESTS }, app) {
  const { permissions } = allPermissions().find(({ speaker }) => speaker === app);
  const asks = REQUESTS.filter(({ askedBy }) => askedBy.includes(app)).map(({ subject }) => code(subject));
  const answers = REQUESTS.filter(({ answeredBy }) => answeredBy === app).map(({ subject }) => code(subject));
  return `**NATS**: publishes to ${permissions.publish.length} and subscribes to ${permissions.subscribe.length} subjects, all in [subjects.md](subjects.md#${app}).

- asks: ${asks.join(', ') || 'nothing'}
- answers: ${answers.join(', ') || 'nothing'}`;
}

function actsFor(vias, app) {
  const whom = vias
    ? `principals that were proved by ${vias.map(code).join(', ')}`
    : `itself alone (${code('service')}, user ${code(app)})`;
  return `**On behalf of** ${whom}.`;
}

function redis({ REDIS_RIGHTS }, app) {
  const rights = REDIS_RIGHTS[app];
  if (!rights) return '**Redis**: no login.';
  return `**Redis**: keys ${rights.keys.map(code).join(', ')}; commands ${rights.commands.map(code).join(', ')}.`;
}

function database({ DATABASE_ROLES }, rights) {
  if (!rights) return '**PostgreSQL**: no login.';
  const login = `${rights.role}_login`;
  if (!Object.values(DATABASE_ROLES).includes(rights.role)) throw new Error(`${rights.role} has no login`);
  const names = (functions) => [...new Set(functions.map((name) => code(name.split('(')[0])))].join(', ') || 'none';
  const foreign = rights.uses.filter((name) => name !== rights.schema && name !== 'public');
  const excess = [...foreign, ...rights.makesObjectsIn, ...rights.sequences];
  return `**PostgreSQL**: login ${code(login)}, member of ${code(rights.role)}; schema ${code(rights.schema)}${excess.length > 0 ? `, and ${excess.map(code).join(', ')}` : ''}.

${mayTable(rights.tables)}

- writes by functions that act with the rights of the owner: ${names(rights.functionsAsOwner)}
- calls with its own rights: ${names(rights.functions)}`;
}

function mayTable(tables) {
  return table(
    ['table', 'may'],
    Object.entries(tables).map(([name, { verbs, columns = {} }]) => [
      code(name),
      [...verbs, ...Object.entries(columns).map(([verb, of]) => `${verb} of ${of.map(code).join(', ')}`)].join(', ') ||
        'nothing',
    ]),
  );
}
