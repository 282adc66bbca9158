import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { closure, foldersOf, pack } from '../../infra/pack.mjs';
import { imageBom } from '../../infra/sbom.mjs';

const ROOT = new URL('../../', import.meta.url);
const into = mkdtempSync(join(tmpdir(), 'switchyard-pack-'));
after(() => rmSync(into, { recursive: true, force: true }));

describe('what an image holds', () => {
  it('is the app and what it needs: its direct dependencies, and no other app', () => {
    for (const app of ['gateway', 'orchestrator', 'mcp-tool', 'a2a', 'audit', 'xmpp-bridge', 'dev-model', 'mock-a2a']) {
      const folders = closure([`apps/${app}`]);
      const { dependencies } = JSON.parse(readFileSync(new URL(`apps/${app}/package.json`, ROOT), 'utf8'));
      for (const name of Object.keys(dependencies)) {
        const wanted = name.startsWith('@switchyard/') ? `libs/${name.split('/')[1]}` : name;
        assert.ok(
          folders.some((folder) => folder === wanted || folder.endsWith(`node_modules/${wanted}`)),
          `${app} lacks ${name}`,
        );
      }
      const apps = folders.filter((folder) => /^apps\/[^/]+$/.test(folder));
      assert.deepEqual(apps, [`apps/${app}`]);
    }
  });

  it('has nothing for development: no compiler, no test runner, no command line of Prisma in a service', () => {
    for (const app of ['gateway', 'orchestrator', 'mcp-tool']) {
      const folders = closure([`apps/${app}`]);
      for (const name of ['typescript', 'typescript-7', 'jest', 'eslint', 'prisma', '@switchyard/testing'])
        assert.ok(!folders.includes(`node_modules/${name}`), `${app} has ${name}`);
      assert.ok(!folders.includes('libs/testing') && !folders.includes('libs/local-servers'), app);
    }
  });

  it('is built files without tests, sources and types', () => {
    pack('dev-model', into);
    const files = readdirSync(into, { recursive: true }).map(String);
    const own = files.filter((file) => /^(apps|libs)\//.test(file));
    assert.ok(own.includes('apps/dev-model/dist/main.js'));
    assert.deepEqual(
      own.filter((file) => /\/src\/|\.test\.|\.d\.ts$|tsconfig|jest\.config/.test(file)),
      [],
    );
    assert.ok(existsSync(join(into, 'node_modules/@switchyard/platform/dist/index.js')));
  });
});

describe('the image of the gateway', () => {
  it('has the files of its pages, beside what was built', () => {
    const image = join(into, 'gateway');
    pack('gateway', image);
    for (const file of ['index.html', 'page.js', 'failed.html'])
      assert.ok(existsSync(join(image, 'apps/gateway/static/provider', file)), file);
  });
});

describe('the list of parts of an image', () => {
  const refOf = (folder) => {
    const { name, version } = JSON.parse(readFileSync(new URL(`${folder}/package.json`, ROOT), 'utf8'));
    return `${name}@${version}`;
  };
  const bomOf = (refs) => ({
    bomFormat: 'CycloneDX',
    metadata: { tools: [] },
    components: refs.map((ref) => ({ 'bom-ref': ref })),
    dependencies: refs.map((ref) => ({ ref, dependsOn: ['jest@1.0.0'] })),
  });

  it('names every package that the image holds, and none that it does not', () => {
    const refs = [...new Set(foldersOf('gateway').map(refOf))];
    const bom = imageBom(bomOf([...refs, 'jest@1.0.0']), 'gateway', '1.2.3');
    assert.deepEqual(bom.components.map((component) => component['bom-ref']).sort(), [...refs].sort());
    assert.equal(bom.metadata.component.version, '1.2.3');
    assert.ok(bom.dependencies.every(({ dependsOn }) => !dependsOn.includes('jest@1.0.0')));
  });

  it('is refused where npm does not know a package that is in the image', () => {
    const refs = foldersOf('a2a').map(refOf);
    assert.throws(() => imageBom(bomOf(refs.slice(1)), 'a2a', '1'), /does not know what switchyard-a2a holds/);
  });
});
