import { describe, expect, it } from '@jest/globals';
import { fc } from '@switchyard/testing/property';
import { z } from 'zod';
import { Catalog } from './catalog.ts';
import { defineTool } from '../tool/define-tool.ts';
import type { Tool } from '../tool/tool.ts';

const tool = (name: string, aliases?: string[]): Tool =>
  defineTool({
    name,
    ...(aliases ? { aliases } : {}),
    description: '',
    provider: 'test',
    kind: 'read',
    idempotency: 'safe',
    timeoutMs: 100,
    input: z.object({}),
    output: z.null(),
    run: () => null,
  });
const namesIn = (catalog: Catalog) => catalog.snapshot.tools.map(({ name }) => name);

describe('the catalogue', () => {
  it('replaces the tools of a source as a whole, and tells them by name', () => {
    const catalog = new Catalog();
    catalog.put('files', [tool('c'), tool('a')]);
    catalog.put('api', [tool('b')]);
    expect(namesIn(catalog)).toEqual(['a', 'b', 'c']);
    catalog.put('files', [tool('d')]);
    expect(namesIn(catalog)).toEqual(['b', 'd']);
    catalog.remove('api');
    expect(namesIn(catalog)).toEqual(['d']);
  });

  it('refuses a name that is taken, saying by whom, and leaves what was there', () => {
    const catalog = new Catalog();
    catalog.put('files', [tool('a')]);
    expect(() => catalog.put('api', [tool('b'), tool('a')])).toThrow('A tool called "a" is there already, from files.');
    expect(() => catalog.put('files', [tool('b'), tool('b')])).toThrow('from files');
    expect(namesIn(catalog)).toEqual(['a']);
    expect(catalog.epoch).toBe(1);
  });

  it('gives snapshots that never change, and tells of each change', () => {
    const catalog = new Catalog();
    const epochs: number[] = [];
    const stop = catalog.onChange((epoch) => epochs.push(epoch));
    const before = catalog.snapshot;
    catalog.put('files', [tool('a')]);
    catalog.remove('nobody');
    expect(before.tools).toEqual([]);
    expect(catalog.snapshot.byName.get('a')?.name).toBe('a');
    stop();
    catalog.remove('files');
    expect(epochs).toEqual([1]);
  });

  it('finds a tool by its aliases, lists it once, and gives none of its names to another', () => {
    const catalog = new Catalog();
    catalog.put('files', [tool('a', ['a_tool'])]);
    expect(namesIn(catalog)).toEqual(['a']);
    expect(catalog.snapshot.byName.get('a_tool')).toBe(catalog.snapshot.byName.get('a'));
    expect(() => catalog.put('api', [tool('a_tool')])).toThrow('A tool called "a_tool" is there already, from files.');
    expect(() => catalog.put('api', [tool('b', ['a'])])).toThrow('A tool called "a" is there already');
    expect(() => tool('b', ['no name'])).toThrow('may not be called "no name"');
  });

  it('lets what ships give way to whoever brings a tool of the same name for all, and to no tenant', () => {
    const catalog = new Catalog();
    const [theirs, ours] = [tool('x'), tool('x')];
    catalog.putShipped('what ships', [ours, tool('y')]);
    expect(() => catalog.put('of acme', [tool('y')], 'acme')).toThrow('from what ships');
    expect(catalog.isTaken('x', 'files')).toBe(false);
    catalog.put('files', [theirs]);
    expect(namesIn(catalog)).toEqual(['x', 'y']);
    expect(catalog.snapshot.byName.get('x')).toBe(theirs);
    expect(catalog.isTaken('x', 'upstream u')).toBe(true);
    catalog.remove('files');
    expect(catalog.snapshot.byName.get('x')).toBe(ours);
  });

  it('is bounded', () => {
    const catalog = new Catalog();
    const many = Array.from({ length: 10_000 }, (_, index) => ({ ...tool('a'), name: `t${index}` }));
    catalog.put('many', many);
    expect(() => catalog.put('one', [tool('more')])).toThrow('At most 10000 tools');
    for (let index = 1; index < 512; index += 1) catalog.put(`s${index}`, []);
    expect(() => catalog.put('one', [])).toThrow('At most 512 sources');
  });

  it('holds every name once and never falls back, whatever is put and removed', () => {
    const source = fc.constantFrom('x', 'y', 'z');
    const names = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 4 });
    const made = new Map(['a', 'b', 'c', 'd'].map((name) => [name, tool(name)]));
    fc.assert(
      fc.property(fc.array(fc.tuple(source, fc.option(names))), (steps) => {
        const catalog = new Catalog();
        for (const [from, put] of steps) {
          const before = catalog.snapshot;
          try {
            if (put)
              catalog.put(
                from,
                put.map((name) => made.get(name)!),
              );
            else catalog.remove(from);
          } catch {
            expect(catalog.snapshot).toBe(before);
          }
          expect(catalog.epoch).toBeGreaterThanOrEqual(before.epoch);
          expect(new Set(namesIn(catalog)).size).toBe(namesIn(catalog).length);
        }
      }),
    );
  });
});
