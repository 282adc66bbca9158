import { readdirSync } from 'node:fs';

/**
 * Who may import whom. This table is the only place where the arrows of the system are written down:
 *
 *   apps → bus, store, redis, safe-fetch → platform → contracts        apps → run → contracts
 *   a2a, gateway, cli → agent-card
 *   tests and e2e → testing → contracts                         only e2e imports apps
 *
 * Inside a project, FOLDERS says the same of its folders. `eslint.config.mjs` turns both into the rule
 * `switchyard/boundaries`; `boundaries.test.mjs` proves that each line of them fails the lint. Circles between files are
 * found by `import-x/no-cycle` where they are loaded, and by `circles.test.mjs` also where they are types alone.
 */

const APP = ['contracts', 'run', 'platform', 'bus', 'store', 'safe-fetch'];
const LIBS = [...APP, 'agent-card', 'local-servers', 'testing'];
/** Every app but the tests of them all; one that has no line of its own below is a service. */
const APPS = readdirSync(new URL('../../apps/', import.meta.url), { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && entry.name !== 'e2e')
  .map(({ name }) => name);

/** What the shipped code of a project may import of the other projects. */
export const ARROWS = {
  'libs/contracts': [],
  'libs/run': ['contracts'],
  'libs/platform': ['contracts'],
  'libs/bus': ['contracts', 'platform'],
  'libs/store': ['contracts', 'platform'],
  'libs/redis': ['platform'],
  'libs/safe-fetch': ['contracts', 'platform'],
  'libs/agent-card': [],
  'libs/local-servers': ['contracts', 'platform'],
  'libs/testing': ['contracts'],
  ...Object.fromEntries(APPS.map((app) => [`apps/${app}`, APP])),
  ...Object.fromEntries(['orchestrator', 'mcp-tool'].map((app) => [`apps/${app}`, [...APP, 'redis']])),
  'apps/gateway': [...APP, 'redis', 'agent-card'],
  'apps/a2a': [...APP, 'agent-card'],
  'apps/dev-model': ['contracts', 'platform'],
  'apps/mock-a2a': ['contracts', 'platform', 'bus'],
  'apps/cli': [...APP, 'local-servers', 'agent-card'],
  'apps/e2e': [...LIBS, ...APPS],
};

/** What tests (`*.test.ts`, their `*.fixture.ts`, `test/**`) may import beside the arrows of their project. */
export const TEST_ARROWS = [...APP, 'testing', 'dev-model', 'mock-a2a'];
/** Real servers are for tests under `test/`, and no unit test. */
export const INTEGRATION_TEST_ARROWS = [...TEST_ARROWS, 'local-servers'];

/** What a project offers beside its barrel, to tests alone. */
export const TEST_ENTRIES = ['store/memory', 'testing/property'];

/** What a project offers beside its barrel to those alone that need it, so that no other loads it. */
export const OTHER_ENTRIES = {
  'contracts/http': ['apps/gateway'],
  // The attack generates requests from schemas, as a property test does.
  'testing/property': ['apps/e2e'],
};

/** What a project may take types of beside that, with `import type`, which loads nothing. */
export const TYPE_ENTRIES = { 'contracts/http': ['apps/cli'] };

/**
 * The folders of a project, and what each may import: other folders, files of the root by their name, or everything (`*`).
 * A folder is a capability; files in `src/` itself wire them together and may import each of them. Another folder is
 * entered by its `index.ts`. Tests may open any file of their project.
 */
export const FOLDERS = {
  'libs/contracts': {
    base: [],
    protocols: ['base'],
    computer: ['base'],
    steps: ['base', 'protocols', 'computer'],
    events: ['base', 'steps'],
    runs: ['base', 'steps', 'events'],
    tools: ['base', 'protocols', 'steps'],
    http: ['base', 'steps', 'runs', 'tools'],
    'http/routes': ['base', 'protocols', 'steps', 'runs', 'tools', 'http'],
  },
  'libs/platform': { log: ['truncate.ts'], telemetry: [] },
  'libs/bus': {
    protocol: ['lease'],
    lease: [],
    requests: ['protocol'],
    events: ['protocol'],
    nats: ['protocol', 'lease', 'requests', 'events'],
    memory: ['protocol', 'lease', 'requests', 'events'],
    doctor: ['nats'],
  },
  'libs/store': {
    postgres: [],
    journal: ['postgres'],
    effects: ['postgres'],
    computer: ['postgres'],
    audit: ['postgres', 'journal'],
    tools: ['postgres'],
    credentials: ['postgres'],
    doctor: ['store.ts', 'postgres'],
  },
  'apps/gateway': {
    identity: [],
    reports: [],
    http: ['reports'],
    dialects: [],
    streams: ['reports', 'http', 'dialects'],
    runs: ['identity', 'http', 'streams', 'config.ts', 'tokens.ts'],
    'ag-ui': ['identity', 'http', 'dialects', 'streams', 'runs', 'config.ts', 'tokens.ts'],
    a2a: ['identity', 'http', 'dialects', 'streams', 'runs', 'config.ts', 'tokens.ts'],
    mcp: ['identity', 'http', 'config.ts', 'tokens.ts'],
    tools: ['identity', 'http', 'config.ts', 'tokens.ts'],
    admin: ['identity', 'http', 'streams', 'config.ts', 'tokens.ts'],
  },
  'apps/orchestrator': {
    runs: ['scheduling', 'execution', 'planning', 'planner', 'budgets'],
    scheduling: ['execution'],
    execution: ['planning', 'planner'],
    planning: ['planner', 'planner/openai', 'budgets'],
    planner: [],
    'planner/openai': ['planner'],
    budgets: [],
    doctor: [],
  },
  'apps/mcp-tool': {
    common: [],
    tool: ['common', 'oauth'],
    'builtin-tools': ['tool'],
    'shipped-tools': ['tool', 'oauth', 'credentials'],
    catalog: ['common', 'tool', 'oauth'],
    'declared-tools': ['common', 'tool', 'catalog', 'oauth'],
    effects: ['common', 'tool'],
    calls: ['common', 'tool', 'catalog', 'effects'],
    agent: ['common', 'tool', 'catalog', 'calls'],
    oauth: ['common'],
    credentials: ['common', 'catalog', 'oauth'],
    'credentials/discovered': ['common', 'oauth', 'credentials', 'upstreams/connections'],
    'upstreams/connections': ['common', 'tool', 'oauth'],
    'upstreams/definitions': ['common', 'tool', 'upstreams/connections'],
    'upstreams/calls': [
      'common',
      'tool',
      'catalog',
      'credentials/discovered',
      'upstreams/connections',
      'upstreams/definitions',
    ],
  },
  'apps/a2a': { agents: [], delegation: ['agents'] },
  'apps/computer-use': {
    computer: [],
    display: [],
    frames: ['computer'],
    hands: [],
    agent: ['computer'],
    screens: ['computer'],
    x11: ['computer', 'display', 'frames', 'hands'],
  },
  'apps/audit': { 'log-tree': [] },
  'apps/xmpp-bridge': {
    wire: [],
    login: ['wire'],
    peers: [],
    session: ['wire', 'login', 'peers', 'config.ts'],
    'http-over-xmpp': ['wire', 'peers', 'session'],
    presence: ['wire', 'peers', 'session', 'http-over-xmpp'],
    outbound: ['wire', 'peers', 'session', 'http-over-xmpp', 'presence'],
    inbound: ['wire', 'peers', 'session', 'http-over-xmpp', 'presence', 'config.ts'],
    doctor: ['login', 'peers', 'session', 'http-over-xmpp', 'presence', 'config.ts'],
  },
  'apps/cli': {
    terminal: [],
    environment: ['terminal'],
    stack: ['terminal', 'environment'],
    'command-line': ['terminal', 'environment', 'stack'],
    verbs: ['terminal', 'environment', 'stack', 'command-line'],
    backup: ['terminal', 'environment', 'stack', 'command-line'],
    runs: ['terminal', 'environment', 'stack', 'command-line'],
    tools: ['terminal', 'command-line'],
    agents: ['terminal', 'command-line'],
    doctor: ['terminal', 'environment', 'command-line'],
  },
  'apps/e2e': {
    chaos: ['*'],
    'chaos/stack': [],
    'chaos/load': ['chaos/stack', 'client.ts'],
    'chaos/faults': ['chaos/stack', 'chaos/load'],
    'chaos/checks': ['chaos/stack', 'chaos/load'],
    attack: ['*'],
    'attack/stack': ['chaos/stack', 'processes.ts'],
    'attack/kit': ['attack/stack'],
    'attack/bus': ['attack/stack', 'attack/kit'],
    'attack/batches': ['attack/stack', 'attack/kit', 'attack/bus'],
  },
};

/**
 * Files that other folders may import beside `index.ts`. Codecs and what all verbs of the command share are wide, and each
 * user loads little of them. Verbs are loaded one at a time. Schemas of the configuration are read by programs that load
 * nothing else, and twins in memory by tests alone.
 */
export const FOLDER_ENTRIES = {
  'libs/contracts': {
    base: ['*'],
    protocols: ['*'],
    computer: ['*'],
    steps: ['*'],
    events: ['*'],
    runs: ['*'],
    tools: ['*'],
    http: ['*'],
    'http/routes': ['*'],
  },
  'libs/store': { journal: ['memory-*.ts'] },
  'apps/orchestrator': { budgets: ['daily-limits.ts', 'prices.ts'], doctor: ['*'] },
  'apps/mcp-tool': {
    common: ['yaml-file.ts'],
    oauth: ['provider-config.ts', 'vault.ts'],
    'upstreams/connections': ['config.ts', 'link.ts'],
  },
  'apps/xmpp-bridge': { login: ['credentials.ts'], 'http-over-xmpp': ['*'] },
  'apps/cli': {
    terminal: ['*'],
    environment: ['*'],
    'command-line': ['*'],
    verbs: ['verb-*.ts'],
    backup: ['verb-*.ts'],
    runs: ['verb-*.ts'],
    tools: ['verb-*.ts'],
    agents: ['verb-*.ts'],
    doctor: ['verb-*.ts'],
  },
  'apps/e2e': { 'chaos/stack': ['stack.ts'] },
};

/** Files of the root that every folder of a project may import. */
export const OPEN_ROOT_FILES = ['log-events.ts'];

/** Packages with one home. `tests: true` lets tests of any project use them as a client or a fake. */
export const PACKAGE_HOMES = [
  { packages: ['openai'], homes: ['apps/orchestrator', 'apps/e2e'], tests: true },
  { packages: ['@xmpp/*'], homes: ['apps/xmpp-bridge'], tests: false },
  { packages: ['jose'], homes: ['apps/gateway', 'apps/mcp-tool', 'libs/agent-card'], tests: false },
  { packages: ['ioredis'], homes: ['libs/redis'], tests: false },
  { packages: ['nats', '@nats-io/*'], homes: ['libs/bus'], tests: true },
  { packages: ['@prisma/*', 'prisma'], homes: ['libs/store'], tests: false },
  { packages: ['pg'], homes: ['libs/store', 'libs/local-servers'], tests: true },
  { packages: ['@peculiar/*'], homes: ['libs/local-servers'], tests: false },
  { packages: ['x11'], homes: ['apps/computer-use'], tests: false },
  { packages: ['undici'], homes: ['libs/safe-fetch'], tests: false },
  { packages: ['fast-check'], homes: ['libs/testing'], tests: false },
  { packages: ['@modelcontextprotocol/*'], homes: ['apps/mcp-tool', 'apps/gateway', 'apps/e2e'], tests: false },
];

/** Projects that may import these packages and nothing else from outside, Node's own modules included. */
export const CLOSED = { 'libs/contracts': ['zod', 'node:crypto'], 'libs/run': [] };

/** Every project of the table, as `{ 'libs/bus': 'bus' }` the other way round. */
export const PROJECT_OF_NAME = new Map(Object.keys(ARROWS).map((project) => [project.split('/')[1], project]));

/** `libs/bus/src/protocol/bus.ts` -> `{ project: 'libs/bus', kind: 'source' | 'test' | 'integration-test' }`. */
export function placeOf(path) {
  const match = /^((?:libs|apps)\/[^/]+)\/(.*)$/.exec(path);
  if (!match || !Object.hasOwn(ARROWS, match[1])) return undefined;
  const [, project, rest] = match;
  const integration = rest.startsWith('test/') || /\.int\.test\.ts$/.test(rest);
  const kind = integration ? 'integration-test' : /\.(test|fixture)\.ts$/.test(rest) ? 'test' : 'source';
  return { project, kind };
}

/**
 * Judges one import.
 * @param {string} path file that imports, relative to the root, with "/"
 * @param {string} specifier as written; a relative one is resolved against `path`
 * @param {boolean} [typeOnly] true for `import type`
 * @returns {string | undefined} why it is forbidden, or undefined where it is allowed
 */
export function judge(path, specifier, typeOnly = false) {
  const place = placeOf(path);
  if (place === undefined) return undefined;
  if (specifier.startsWith('.')) return judgeRelative(place, path, specifier);
  const own = /^@switchyard\/([^/]+)(\/.*)?$/.exec(specifier);
  if (own) return judgeProject(place, own[1], own[2], typeOnly);
  return judgePackage(place, specifier);
}

function judgeRelative(place, path, specifier) {
  const reached = resolve(path, specifier);
  const target = placeOf(reached);
  if (target === undefined) return undefined;
  if (target.project === place.project) return judgeFolders(place, path, reached);
  return `${place.project} reaches into the files of ${target.project}; import @switchyard/${target.project.split('/')[1]}.`;
}

/** One import inside a project, by its folders. */
export function judgeFolders({ project, kind }, path, reached, folders = FOLDERS, entries = FOLDER_ENTRIES) {
  if (kind !== 'source' || folders[project] === undefined) return undefined;
  const from = folderOf(project, path, folders);
  const to = folderOf(project, reached, folders);
  if (from === undefined || to === undefined) return undefined;
  const file = reached.slice(reached.lastIndexOf('/') + 1);
  if (from === to)
    return from !== '' && file === 'index.ts' ? `${from} imports its own entry; import the file.` : undefined;
  const allowed = from === '' ? ['*'] : [...folders[project][from], ...OPEN_ROOT_FILES];
  if (!allowed.includes('*') && !allowed.includes(to === '' ? file : to))
    return `${from} may not import ${to === '' ? `${file} of the root` : to} (FOLDERS in tools/lint/boundaries.mjs).`;
  if (to === '' || file === 'index.ts') return undefined;
  const open = (entries[project]?.[to] ?? []).some((pattern) => matchesFile(pattern, file));
  return open ? undefined : `Import ${to} by its entry, ${to}/index.ts, not a file inside it (${file}).`;
}

/** The folder of a file: '' for `src/` itself, undefined outside of it or where the table does not name it. */
function folderOf(project, path, folders) {
  const source = `${project}/src/`;
  if (!path.startsWith(source)) return undefined;
  const folder = path.slice(source.length, Math.max(source.length, path.lastIndexOf('/')));
  return folder === '' || Object.hasOwn(folders[project], folder) ? folder : undefined;
}

function matchesFile(pattern, file) {
  const [head, tail] = pattern.split('*');
  return tail === undefined ? pattern === file : file.startsWith(head) && file.endsWith(tail);
}

function judgeProject(place, name, inside, typeOnly) {
  const entry = `${name}${inside}`;
  const offered =
    (place.kind !== 'source' && TEST_ENTRIES.includes(entry)) ||
    OTHER_ENTRIES[entry]?.includes(place.project) ||
    (typeOnly && TYPE_ENTRIES[entry]?.includes(place.project));
  if (inside !== undefined && !offered) return `Import @switchyard/${name}, not a file inside it (${inside.slice(1)}).`;
  const target = PROJECT_OF_NAME.get(name);
  if (target === undefined) return `There is no project @switchyard/${name} in tools/lint/boundaries.mjs.`;
  if (target === place.project) return `${place.project} imports itself; use a relative import.`;
  const allowed = [...ARROWS[place.project], ...extraArrows(place.kind)];
  return allowed.includes(name) ? undefined : `${place.project} (${place.kind}) may not import ${target}.`;
}

function judgePackage(place, specifier) {
  const inTest = place.kind !== 'source' || place.project === 'apps/e2e';
  const rule = PACKAGE_HOMES.find((r) => r.packages.some((pattern) => matches(pattern, specifier)));
  if (rule && !rule.homes.includes(place.project) && !(rule.tests && inTest)) {
    return `"${specifier}" belongs to ${rule.homes.join(', ')} alone.`;
  }
  const closed = CLOSED[place.project];
  if (closed && !inTest && !closed.some((name) => matches(name, specifier))) {
    return `${place.project} may import ${closed.length > 0 ? closed.join(', ') : 'nothing'} from outside, not "${specifier}".`;
  }
  return undefined;
}

function extraArrows(kind) {
  if (kind === 'integration-test') return INTEGRATION_TEST_ARROWS;
  return kind === 'test' ? TEST_ARROWS : [];
}

function matches(pattern, specifier) {
  if (pattern.endsWith('/*')) return specifier.startsWith(pattern.slice(0, -1));
  return specifier === pattern || specifier.startsWith(`${pattern}/`);
}

function resolve(path, specifier) {
  const parts = path.split('/').slice(0, -1);
  for (const part of specifier.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '.') parts.push(part);
  }
  return parts.join('/');
}

/** The ESLint rule over `judge`: static and dynamic imports, re-exports and `import()` types alike. */
export function boundariesRule(root) {
  return {
    meta: { type: 'problem', schema: [], messages: { forbidden: '{{why}}' } },
    create(context) {
      const path = context.filename.slice(root.length).replaceAll('\\', '/').replace(/^\//, '');
      const check = (node, typeOnly = false) => {
        const value = node?.type === 'TSLiteralType' ? node.literal.value : node?.value;
        const why = typeof value === 'string' ? judge(path, value, typeOnly) : undefined;
        if (why) context.report({ node, messageId: 'forbidden', data: { why } });
      };
      return {
        ImportDeclaration: (node) => check(node.source, node.importKind === 'type'),
        ExportNamedDeclaration: (node) => check(node.source),
        ExportAllDeclaration: (node) => check(node.source),
        ImportExpression: (node) => check(node.source),
        TSImportType: (node) => check(node.source ?? node.argument),
      };
    },
  };
}
