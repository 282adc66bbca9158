import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { Parser } from '@asyncapi/parser';
import { renderAll } from './gen.mjs';

const documents = await renderAll();

describe('generated documents', () => {
  it('hold an AsyncAPI 3.0 document that the official parser accepts', async () => {
    const { document, diagnostics } = await new Parser().parse(documents.get('docs/reference/asyncapi.json'));
    const errors = diagnostics.filter((d) => d.severity === 0);
    assert.deepEqual(
      errors.map((e) => `${e.path.join('.')}: ${e.message}`),
      [],
    );
    assert.equal(document?.version(), '3.0.0');
    assert.ok(document.operations().all().length > 40);
  });

  it('name every error code and every request once', async () => {
    const contracts = await import('../../libs/contracts/dist/index.js');
    for (const code of Object.keys(contracts.ERROR_CODES)) {
      assert.equal(documents.get('docs/reference/errors.md').split(`| \`${code}\` |`).length, 2, code);
    }
    for (const { subject } of contracts.REQUESTS) {
      assert.equal(documents.get('docs/reference/subjects.md').split(`| \`${subject}\` |`).length, 2, subject);
    }
  });

  it('are in the repository as the code says them now (else: npm run gen)', () => {
    for (const [path, text] of documents) {
      assert.ok(readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8') === text, `${path} is out of date`);
    }
  });

  it('are the same on every run', async () => {
    assert.deepEqual([...(await renderAll())], [...documents]);
  });
});
