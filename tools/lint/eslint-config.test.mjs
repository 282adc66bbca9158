import assert from 'node:assert/strict';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ESLint } from 'eslint';

// The whole configuration is run on other text under the name of a file that exists, so that typed rules apply.
// Under CI=true typescript-eslint would read the file from disk once, and not see that text.
process.env.TSESTREE_SINGLE_RUN = 'false';
const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const eslint = new ESLint({ cwd: root });

async function rulesBrokenBy(text, file = 'libs/contracts/src/base/define.ts') {
  const [result] = await eslint.lintText(text, { filePath: join(root, file) });
  return [...new Set(result.messages.map((m) => m.ruleId))];
}

describe('the lint configuration', () => {
  const cases = [
    ['switchyard/boundaries', `import { x } from '@switchyard/gateway';\nexport const y = x;\n`],
    ['import-x/no-cycle', `import { REQUESTS } from '../registry.ts';\nexport const y = REQUESTS;\n`],
    ['no-restricted-syntax', `export * from './ids.ts';\n`],
    ['@typescript-eslint/no-explicit-any', `export const y = (x: any): unknown => x;\n`],
    ['@typescript-eslint/no-floating-promises', `const f = async () => 1;\nexport const y = () => {\n  f();\n};\n`],
    ['@typescript-eslint/no-misused-promises', `const f = async () => true;\nexport const y = () => (f() ? 1 : 2);\n`],
    ['@typescript-eslint/ban-ts-comment', `// @ts-ignore\nexport const y: number = 'x';\n`],
  ];
  for (const [rule, text] of cases) {
    it(`fails on ${rule}`, async () => {
      assert.ok((await rulesBrokenBy(text)).includes(rule), `expected ${rule} for:\n${text}`);
    });
  }

  it('passes ordinary code', async () => {
    assert.deepEqual(await rulesBrokenBy(`import { z } from 'zod';\nexport const A = z.string();\n`), []);
  });
});
