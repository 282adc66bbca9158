import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { REQUESTS } from './registry.ts';

const source = fileURLToPath(new URL('.', import.meta.url));

describe('the registry', () => {
  it('never misses a module that declares a request', () => {
    const listed = readFileSync(join(source, 'messages.ts'), 'utf8');
    const declaring = readdirSync(source, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
      .filter((file) => /\brequest\(\{/.test(readFileSync(join(source, file), 'utf8')));
    expect(declaring.length).toBeGreaterThan(10);
    for (const file of declaring) expect(listed).toContain(`export * from './${file}';`);
  });

  it('holds each subject once', () => {
    const subjects = REQUESTS.map(({ subject }) => subject);
    expect(new Set(subjects).size).toBe(subjects.length);
    expect(subjects).toEqual(expect.arrayContaining(['rpc.runs.start', 'rpc.step.mcp', 'rpc.step.computer_use']));
  });
});
