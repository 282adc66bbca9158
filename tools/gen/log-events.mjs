import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { code, GENERATED, table } from './markdown.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');

/** Services, and programs of the development, in the order in which the reference lists them. */
const SERVICES = [
  'gateway',
  'orchestrator',
  'mcp-tool',
  'a2a',
  'computer-use',
  'audit',
  'xmpp-bridge',
  'dev-model',
  'mock-a2a',
];
const LIBRARIES = ['bus', 'store', 'safe-fetch'];
const LEVELS = ['fatal', 'error', 'warn', 'info'];

/** Every table of log events: `{ project, services, events }`. */
export async function readLogEvents() {
  const built = (path) => import(pathToFileURL(join(root, path)).href);
  const { SHARED_LOG_EVENTS } = await built('libs/platform/dist/index.js');
  const tables = [{ project: 'libs/platform', services: SERVICES, events: SHARED_LOG_EVENTS }];
  for (const project of [...LIBRARIES.map((name) => `libs/${name}`), ...SERVICES.map((name) => `apps/${name}`)]) {
    const { LOG_EVENTS } = await built(`${project}/dist/log-events.js`);
    tables.push({ project, services: servicesWith(project), events: LOG_EVENTS });
  }
  refuseDoubles(tables);
  return tables;
}

function servicesWith(project) {
  const [kind, name] = project.split('/');
  if (kind === 'apps') return [name];
  return SERVICES.filter((service) => {
    const { dependencies = {} } = JSON.parse(readFileSync(join(root, `apps/${service}/package.json`), 'utf8'));
    return Object.hasOwn(dependencies, `@switchyard/${name}`);
  });
}

/** One event has one declaration, and one sentence says one event. */
function refuseDoubles(tables) {
  const [keys, sentences] = [new Map(), new Map()];
  for (const { project, events } of tables)
    for (const [key, { sentence, document }] of Object.entries(events)) {
      if (!/^[a-z][a-z0-9]*(_[a-z0-9]+)+$/.test(key)) throw new Error(`${project}: ${key} is not in snake_case`);
      if (keys.has(key)) throw new Error(`${key} is declared in ${keys.get(key)} and in ${project}`);
      keys.set(key, project);
      const known = sentences.get(sentence);
      if (known && !/^\{\w+\}$/.test(sentence)) throw new Error(`${key} says the same as ${known}`);
      sentences.set(sentence, key);
      if (document && !existsSync(join(root, 'docs', document)))
        throw new Error(`${key}: there is no docs/${document}`);
    }
}

/** docs/reference/log-events.md from SHARED_LOG_EVENTS and LOG_EVENTS of every project. */
export function renderLogEvents(tables) {
  const sections = tables.map(({ project, services, events }) => {
    const rows = Object.entries(events)
      .sort(([a, x], [b, y]) => LEVELS.indexOf(x.level) - LEVELS.indexOf(y.level) || (a < b ? -1 : 1))
      .map(([key, { level, sentence, whatToDo = 'Nothing.', document }]) => [
        code(key),
        level,
        sentence.replace(/\{(\w+)\}/g, '‹$1›'),
        document ? `${whatToDo} [More](../${document})` : whatToDo,
      ]);
    return `## ${titleOf(project, services)}\n\n${table(['event', 'level', 'sentence', 'what to do'], rows)}`;
  });
  return `${GENERATED}

# Log events

A line of a service's log at \`info\` or above has the key of its event in \`event\`, beside \`time\`, \`level\`, \`app\`,
\`message\` (the sentence) and the fields of the event, such as \`runId\` or \`err\`. The key and the level are stable: search and
alert on them, not on the sentence. ‹name› in a sentence stands for the field of this name. Lines at \`debug\` and \`trace\` are
for people who work on the code, and have no key.

\`\`\`sh
jq -c 'select(.event == "leases_not_renewed") | {time, app, err: .err.message}' orchestrator.log
\`\`\`

${sections.join('\n\n')}
`;
}

function titleOf(project, services) {
  const [kind, name] = project.split('/');
  if (kind === 'apps') return name;
  if (name === 'platform') return 'Any service';
  return `${name}: ${services.join(', ')}`;
}
