import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ESLint } from 'eslint';
import { readLogEvents } from '../gen/log-events.mjs';

process.env.TSESTREE_SINGLE_RUN = 'false'; // as in eslint-config.test.mjs
const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const eslint = new ESLint({ cwd: root });
const RULE = 'switchyard/log-events';
const IMPORT = `import type { Logger } from '@switchyard/platform';\n`;

async function isRefused(body, file = 'apps/gateway/src/app.ts') {
  const text = `${IMPORT}export function f(log: Logger, given: { readonly child: Logger | undefined }) {\n${body}\n}\n`;
  const [result] = await eslint.lintText(text, { filePath: join(root, file) });
  assert.ok(!result.messages.some(({ fatal }) => fatal), JSON.stringify(result.messages));
  return result.messages.some(({ ruleId }) => ruleId === RULE);
}

describe('the rule for lines of the log', () => {
  for (const level of ['info', 'warn', 'error', 'fatal'])
    it(`refuses a free ${level} line`, async () => assert.ok(await isRefused(`log.${level}({ a: 1 }, 'a text');`)));

  it('knows a logger by its type, whatever its name', async () => {
    assert.ok(await isRefused(`given.child?.warn('a text');`));
    assert.ok(await isRefused(`const other = log.child({});\nother.error('a text');`));
  });

  it('refuses a level that is only known when it runs', async () => {
    assert.ok(await isRefused(`log[Math.random() > 0.5 ? 'warn' : 'info']('a text');`));
  });

  it('leaves debug and trace lines, tests and what is no logger alone', async () => {
    assert.ok(!(await isRefused(`log.debug('a text');\nlog.trace('a text');`)));
    assert.ok(!(await isRefused(`const found = { warn: (text: string) => text };\nfound.warn('a text');`)));
    assert.ok(!(await isRefused(`log.warn('a text');`, 'apps/gateway/test/gateway.int.test.ts')));
  });
});

const tables = await readLogEvents();

/** What is written under `src/` of a project, without tests and without the tables. */
function sourcesOf(project) {
  const folder = join(root, project, 'src');
  return readdirSync(folder, { recursive: true })
    .filter((path) => path.endsWith('.ts') && !/(\.test|\.fixture|log-events)\.ts$|generated/.test(path))
    .map((path) => readFileSync(join(folder, path), 'utf8'))
    .join('\n');
}

describe('the tables of log events', () => {
  const projects = [...tables.map(({ project }) => project), 'libs/redis'];
  const sources = new Map(projects.map((project) => [project, sourcesOf(project)]));

  it('hold no event that nobody writes', () => {
    for (const { project, events } of tables)
      for (const key of Object.keys(events)) {
        const places = project === 'libs/platform' ? [...sources.values()] : [sources.get(project)];
        assert.ok(
          places.some((text) => text.includes(`'${key}'`)),
          `${project}: nobody writes ${key}`,
        );
      }
  });

  it('say what to do about everything that is no info', () => {
    for (const { events } of tables)
      for (const [key, { level, whatToDo }] of Object.entries(events)) assert.ok(level === 'info' || whatToDo, key);
  });

  it('use sentences', () => {
    for (const { events } of tables)
      for (const [key, { sentence, whatToDo = 'Nothing.' }] of Object.entries(events)) {
        assert.match(sentence, /^[A-Z{].*[.…}]$/, key);
        assert.match(whatToDo, /^[A-Z].*\.$/, key);
      }
  });
});
