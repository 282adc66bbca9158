import assert from 'node:assert/strict';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Linter } from 'eslint';
import tseslint from 'typescript-eslint';
import {
  ARROWS,
  boundariesRule,
  FOLDER_ENTRIES,
  FOLDERS,
  judge,
  judgeFolders,
  PACKAGE_HOMES,
  PROJECT_OF_NAME,
} from './boundaries.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const linter = new Linter({ cwd: root });
const config = [
  {
    files: ['**/*.ts'],
    plugins: { switchyard: { rules: { boundaries: boundariesRule(root) } } },
    languageOptions: { parser: tseslint.parser },
    rules: { 'switchyard/boundaries': 'error' },
  },
];

/** Messages of the real rule, run by ESLint, for one import in one file. */
function lint(path, specifier, form = (s) => `import { x } from '${s}';\nx();`) {
  const messages = linter.verify(form(specifier), config, { filename: join(root, path) });
  assert.ok(
    messages.every((m) => m.ruleId === 'switchyard/boundaries'),
    JSON.stringify(messages),
  );
  return messages.map((m) => m.message);
}

const fails = (path, specifier, form) =>
  assert.equal(lint(path, specifier, form).length, 1, `${path} must not import ${specifier}`);
const passes = (path, specifier, form) => assert.deepEqual(lint(path, specifier, form), []);

describe('import boundaries', () => {
  it('fail every arrow between projects that the table does not name, and pass every one it names', () => {
    for (const [project, allowed] of Object.entries(ARROWS)) {
      for (const name of PROJECT_OF_NAME.keys()) {
        const arrow = [`${project}/src/file.ts`, `@switchyard/${name}`];
        if (allowed.includes(name) && PROJECT_OF_NAME.get(name) !== project) passes(...arrow);
        else fails(...arrow);
      }
    }
  });

  it('keep the arrows that the architecture draws', () => {
    const apps = Object.keys(ARROWS).filter((p) => p.startsWith('apps/') && p !== 'apps/e2e');
    for (const app of apps) {
      for (const other of [...apps, 'apps/e2e']) fails(`${app}/src/a.ts`, `@switchyard/${other.split('/')[1]}`);
    }
    for (const lib of Object.keys(ARROWS).filter((p) => p.startsWith('libs/'))) {
      for (const app of apps) fails(`${lib}/src/a.ts`, `@switchyard/${app.split('/')[1]}`);
    }
    fails('libs/platform/src/a.ts', '@switchyard/bus');
    fails('libs/run/src/a.ts', '@switchyard/platform');
    fails('apps/audit/src/a.ts', '@switchyard/testing');
    fails('apps/audit/src/a.ts', '@switchyard/local-servers');
  });

  it('let tests alone in by the entries that are theirs', () => {
    passes('apps/orchestrator/test/a.ts', '@switchyard/store/memory');
    fails('apps/orchestrator/src/a.ts', '@switchyard/store/memory');
    fails('apps/orchestrator/test/a.ts', '@switchyard/store/sql-journal');
  });

  it('have no circle of projects', () => {
    const visit = (project, trail) => {
      assert.ok(!trail.includes(project), `circle: ${[...trail, project].join(' → ')}`);
      for (const name of ARROWS[project]) {
        if (PROJECT_OF_NAME.get(name) !== project) visit(PROJECT_OF_NAME.get(name), [...trail, project]);
      }
    };
    Object.keys(ARROWS).forEach((project) => visit(project, []));
  });

  it('let tests use libraries, fakes and real servers, each where it belongs', () => {
    passes('apps/audit/src/a.test.ts', '@switchyard/testing');
    passes('apps/audit/src/a.fixture.ts', '@switchyard/testing');
    passes('libs/run/src/a.test.ts', '@switchyard/testing');
    fails('libs/run/src/a.ts', '@switchyard/testing');
    fails('libs/testing/src/a.ts', '@switchyard/run');
    passes('apps/audit/src/a.test.ts', '@switchyard/dev-model');
    passes('apps/audit/test/a.int.test.ts', '@switchyard/local-servers');
    fails('apps/audit/src/a.test.ts', '@switchyard/local-servers');
    fails('apps/audit/test/a.int.test.ts', '@switchyard/orchestrator');
  });

  it('keep every package with one home at home', () => {
    for (const rule of PACKAGE_HOMES) {
      for (const pattern of rule.packages) {
        const name = pattern.replace('/*', '/client');
        for (const project of Object.keys(ARROWS)) {
          const allowed = rule.homes.includes(project) || (rule.tests && project === 'apps/e2e');
          (allowed ? passes : fails)(`${project}/src/a.ts`, name);
        }
        (rule.tests ? passes : fails)('apps/cli/test/a.int.test.ts', name);
      }
    }
  });

  it('keep contracts and the run machine free of everything outside', () => {
    passes('libs/contracts/src/a.ts', 'zod');
    passes('libs/contracts/src/a.ts', 'node:crypto');
    fails('libs/contracts/src/a.ts', 'node:fs');
    fails('libs/run/src/a.ts', 'zod');
    fails('libs/run/src/a.ts', 'node:fs');
  });

  it('refuse files inside another project, by name or by path, in every form of import', () => {
    fails('apps/audit/src/a.ts', '@switchyard/bus/src/bus.ts');
    fails('apps/audit/src/a.ts', '../../../libs/bus/src/index.ts');
    fails('apps/audit/test/a.int.test.ts', '../../gateway/src/app.ts');
    passes('apps/audit/test/a.int.test.ts', '../src/app.ts');
    fails('apps/audit/src/a.ts', '@switchyard/gateway', (s) => `export { x } from '${s}';`);
    fails('apps/audit/src/a.ts', '@switchyard/gateway', (s) => `export const x = await import('${s}');`);
    fails('apps/audit/src/a.ts', '@switchyard/gateway', (s) => `export type X = import('${s}').X;`);
    fails('apps/audit/src/a.ts', '@switchyard/gateway', (s) => `import type { X } from '${s}';\nexport type Y = X;`);
  });

  it('leave the HTTP interface of the contracts to the gateway, which alone speaks it', () => {
    passes('apps/gateway/src/a.ts', '@switchyard/contracts/http');
    fails('apps/orchestrator/src/a.ts', '@switchyard/contracts/http');
    const types = (/** @type {string} */ s) => `import type { x } from '${s}';\nexport type y = x;`;
    passes('apps/cli/src/a.ts', '@switchyard/contracts/http', types);
    fails('apps/cli/src/a.ts', '@switchyard/contracts/http');
    fails('apps/audit/src/a.ts', '@switchyard/contracts/http', types);
    passes('apps/e2e/src/attack/a.ts', '@switchyard/testing/property');
    fails('apps/gateway/src/a.ts', '@switchyard/testing/property');
    fails('apps/gateway/src/a.ts', '@switchyard/contracts/runs');
  });

  it('judge only the projects of the table', () => {
    assert.equal(judge('tools/gen/gen.mjs', '@switchyard/gateway'), undefined);
  });
});

describe('import boundaries inside a project', () => {
  const table = {
    'apps/audit': { facts: [], records: ['facts', 'config.ts'], 'records/tree': ['records'], checks: ['*'] },
  };
  const open = { 'apps/audit': { facts: ['codec-*.ts', 'names.ts'] } };
  const source = { project: 'apps/audit', kind: 'source' };
  const at = (file) => `apps/audit/src/${file}`;
  const why = (from, to, place = source) => judgeFolders(place, at(from), at(to), table, open);
  const may = (from, to, place) => assert.equal(why(from, to, place), undefined, `${from} -> ${to}`);
  const mayNot = (from, to, reason) => assert.match(why(from, to) ?? 'allowed', reason, `${from} -> ${to}`);

  it('refuse an arrow that the table does not name, also upwards, downwards and to the wiring', () => {
    may('records/a.ts', 'facts/index.ts');
    mayNot('facts/a.ts', 'records/index.ts', /facts may not import records/);
    may('records/tree/a.ts', 'records/index.ts');
    mayNot('records/a.ts', 'records/tree/index.ts', /records may not import records\/tree/);
    may('records/a.ts', 'config.ts');
    mayNot('records/a.ts', 'app.ts', /app\.ts of the root/);
    may('app.ts', 'records/tree/index.ts');
    may('checks/a.ts', 'app.ts');
  });

  it('refuse a file of another folder that is not its entry, and the own entry', () => {
    mayNot('records/a.ts', 'facts/a.ts', /by its entry, facts\/index\.ts/);
    mayNot('app.ts', 'records/a.ts', /by its entry/);
    mayNot('checks/a.ts', 'records/a.ts', /by its entry/);
    may('records/a.ts', 'facts/codec-json.ts');
    may('records/a.ts', 'facts/names.ts');
    mayNot('records/a.ts', 'facts/rename.ts', /by its entry/);
    may('records/a.ts', 'records/b.ts');
    mayNot('records/a.ts', 'records/index.ts', /its own entry/);
  });

  it('let tests open any file of their project', () => {
    may('facts/a.test.ts', 'records/a.ts', { project: 'apps/audit', kind: 'test' });
  });

  it('are those of the lint, for each arrow of each project', () => {
    for (const [project, folders] of Object.entries(FOLDERS)) {
      for (const [from, allowed] of Object.entries(folders)) {
        for (const to of Object.keys(folders).filter((name) => name !== from)) {
          const up = '../'.repeat(from.split('/').length);
          const arrow = [`${project}/src/${from}/file.ts`, `${up}${to}/index.ts`];
          if (allowed.includes(to) || allowed.includes('*')) passes(...arrow);
          else fails(...arrow);
          const isOpen = FOLDER_ENTRIES[project]?.[to]?.includes('*');
          if (!isOpen) fails(`${project}/src/${from}/file.ts`, `${up}${to}/some-file.ts`);
        }
      }
    }
  });

  it('have no circle of folders', () => {
    for (const [project, folders] of Object.entries(FOLDERS)) {
      const visit = (folder, trail) => {
        assert.ok(!trail.includes(folder), `${project}: ${[...trail, folder].join(' → ')}`);
        for (const next of folders[folder] ?? []) if (Object.hasOwn(folders, next)) visit(next, [...trail, folder]);
      };
      Object.keys(folders).forEach((folder) => visit(folder, []));
    }
  });
});
