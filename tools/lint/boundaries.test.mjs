import assert from 'node:assert/strict';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Linter } from 'eslint';
import tseslint from 'typescript-eslint';
import { ARROWS, boundariesRule, judge, PACKAGE_HOMES, PROJECT_OF_NAME } from './boundaries.mjs';

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
    passes('apps/e2e/src/attack/a.ts', '@switchyard/testing/property');
    fails('apps/gateway/src/a.ts', '@switchyard/testing/property');
    fails('apps/gateway/src/a.ts', '@switchyard/contracts/runs');
  });

  it('judge only the projects of the table', () => {
    assert.equal(judge('tools/gen/gen.mjs', '@switchyard/gateway'), undefined);
  });
});
