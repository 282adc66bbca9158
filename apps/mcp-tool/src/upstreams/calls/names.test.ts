import { describe, expect, it } from '@jest/globals';
import { fc } from '@switchyard/testing/property';
import type { UpstreamConfig } from '../connections/config.ts';
import { promptNameOf, promptsNamed, toolNameOf, uriOf, urisNamed } from './names.ts';

const upstream = (name: string, prefix = true) => ({ name, provider: name, prefix }) as UpstreamConfig;

describe('names of tools', () => {
  it('begin with the provider and are ones that language models take', () => {
    expect(toolNameOf(upstream('files'), 'read_file')).toBe('files__read_file');
    expect(toolNameOf(upstream('files', false), 'read_file')).toBe('read_file');
  });

  it('stay different where they must be changed', () => {
    const names = ['a.b', 'a/b', 'a_b', 'x'.repeat(100), `${'x'.repeat(99)}y`];
    const outer = names.map((name) => toolNameOf(upstream('files'), name));
    expect(new Set(outer).size).toBe(names.length);
    for (const name of outer) expect(name).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
  });
});

it('finds prompts and URIs back by what they were called', () => {
  const all = [upstream('a'), upstream('b'), upstream('plain', false)];
  fc.assert(
    fc.property(fc.string(), fc.constantFrom(...all), (inner, owner) => {
      expect(promptsNamed(all, promptNameOf(owner, inner))).toContainEqual({ upstream: owner, inner });
      expect(urisNamed(all, uriOf(owner, inner))).toContainEqual({ upstream: owner, inner });
    }),
  );
});
