import { describe, expect, it } from '@jest/globals';
import { fc } from '@switchyard/testing/property';
import { compileSchema } from './compile-schema.ts';
import { OPERATORS, patternCost } from './schema-bounds.ts';

const object = (properties: Record<string, unknown>, more = {}) => ({ type: 'object', properties, ...more });
const fits = (schema: Record<string, unknown>, value: unknown) => compileSchema(schema, 'untrusted')(value).ok;
const refusal = (schema: Record<string, unknown>) => {
  try {
    compileSchema(schema, 'untrusted');
    return 'compiled';
  } catch (error) {
    return (error as Error).message;
  }
};
const deep = (levels: number) => {
  let schema: Record<string, unknown> = { type: 'string' };
  for (let level = 0; level < levels; level += 1) schema = object({ inner: schema });
  return schema;
};

describe('an untrusted schema', () => {
  it('judges values and names the places that are wrong, not what stands there', () => {
    const check = compileSchema(object({ city: { type: 'string' } }, { required: ['city'] }), 'untrusted');
    expect(check({ city: 'x' })).toEqual({ ok: true, value: { city: 'x' } });
    expect(check({ city: 5_318_008 })).toEqual({ ok: false, issues: ['city: must be string'] });
    expect(check({})).toMatchObject({ issues: ['city: it is missing'] });
  });

  it.each<[string, Record<string, unknown>, string]>([
    ['too deep', deep(3_000), 'deeper than 64'],
    ['too many parts', object(Object.fromEntries(Array.from({ length: 501 }, (_, i) => [`p${i}`, {}]))), '500 parts'],
    ['10 MB', { type: 'object', description: 'x'.repeat(10 * 1024 ** 2) }, '256 KB'],
    ['10 MB of enum', { enum: Array.from({ length: 2_000_000 }, (_, i) => i) }, '256 KB'],
    ['a reference to a server', object({ a: { $ref: 'http://127.0.0.1:1/x.json' } }), 'only references within it'],
    ['a reference to a file', object({ a: { $ref: 'other.json' } }), 'only references within it'],
    ['a reference to nowhere', object({ a: { $ref: '#/$defs/none' } }), "can't resolve"],
    ['a reference to itself', { $ref: '#' }, 'lead back'],
    ['a pattern beyond linear time', object({ a: { type: 'string', pattern: '(?=x)y' } }), 'refused'],
    ['a pattern with a back reference', object({ a: { type: 'string', pattern: '(a)\\1' } }), 'refused'],
    ['patterns that are long written out', object({ a: { pattern: '((ab){50}){50}' } }), 'repeat too much'],
    ['names by such patterns', { patternProperties: { '[a-z]{1000}': {}, '[A-Z]{1000}': {} } }, 'repeat too much'],
    ['an unknown dialect', { $schema: 'https://evil.example/schema', type: 'object' }, '$schema'],
    ['no schema', { type: 'strange' }, 'refused'],
  ])('is refused: %s', (_what, schema, why) => {
    expect(refusal(schema)).toContain(why);
  });

  it('is refused where its references multiply each other', () => {
    const $defs: Record<string, unknown> = { d0: { type: 'string' } };
    for (let i = 1; i < 40; i += 1)
      $defs[`d${i}`] = { anyOf: [{ $ref: `#/$defs/d${i - 1}` }, { $ref: `#/$defs/d${i - 1}` }] };
    expect(refusal({ $defs, $ref: '#/$defs/d39' })).toContain('multiply');
  });

  it('of an operator may have more parts', () => {
    const schema = object(Object.fromEntries(Array.from({ length: 600 }, (_, i) => [`p${i}`, { type: 'string' }])));
    expect(refusal(schema)).toContain('500 parts');
    expect(compileSchema(schema, 'untrusted', OPERATORS)({ p7: 1 }).ok).toBe(false);
  });

  it.each<[string, number]>([
    ['abc', 3],
    ['^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$', 7 * 8 + 1 + 3 * (7 * 4 + 2) + 7 * 12 + 2],
    ['a{2,5}b*', 5 + 2],
    ['((a{10}){10}){10}', 10 * (10 * (10 + 1) + 1)],
    ['\\{9}[{9}]', 3 + 4],
  ])('has patterns that count as they are written out: %s', (pattern, cost) => {
    expect(patternCost(pattern)).toBe(cost);
  });

  it('answers at once where a pattern would take another engine forever', () => {
    const evil = object({ a: { type: 'string', pattern: '^(([a-z])+.)+[A-Z]([a-z])+$' } });
    expect(fits(evil, { a: 'a'.repeat(5_000) })).toBe(false);
  });

  it('never takes one pattern for another', () => {
    const schema = object({ a: { pattern: '^x$' }, b: { pattern: '^y$' } });
    expect(fits(schema, { a: 'x', b: 'y' })).toBe(true);
    expect(fits(schema, { a: 'x', b: 'x' })).toBe(false);
    expect(fits(object({ a: { pattern: '^z$' } }), { a: 'x' })).toBe(false);
  });

  it('may be of draft-07, may refer within itself, and may be about names like those of keywords', () => {
    const draft = { $schema: 'http://json-schema.org/draft-07/schema#', ...object({ a: { type: 'integer' } }) };
    expect(fits(draft, { a: 1 })).toBe(true);
    expect(fits(draft, { a: 'x' })).toBe(false);
    const tree = object({ children: { type: 'array', items: { $ref: '#' } } }, { $id: 'https://x.example/tree' });
    expect(fits(tree, { children: [{ children: [] }] })).toBe(true);
    expect(fits(tree, { children: [{ children: 5 }] })).toBe(false);
    const named = object({ $ref: { type: 'string' }, $id: { type: 'string' }, default: { type: 'integer' } });
    expect(fits({ ...named, default: { $ref: 'http://data.example' } }, { $ref: 'x', default: 1 })).toBe(true);
  });

  it('changes no value; one of the operator fills in its defaults, in a copy', () => {
    const schema = object({ unit: { type: 'string', default: 'km' } });
    const given = {};
    expect(compileSchema(schema, 'untrusted')(given)).toEqual({ ok: true, value: {} });
    expect(compileSchema(schema, 'trusted')(given)).toEqual({ ok: true, value: { unit: 'km' } });
    expect(given).toEqual({});
  });

  it('refuses a value that is too deep to be checked instead of failing', () => {
    const tree = object({ next: { $ref: '#' } });
    let value: Record<string, unknown> = {};
    for (let i = 0; i < 200_000; i += 1) value = { next: value };
    expect(compileSchema(tree, 'untrusted')(value).ok).toBe(false);
  });

  it('is compiled once', () => {
    const schema = () => object({ once: { type: 'string' } });
    expect(compileSchema(schema(), 'untrusted')).toBe(compileSchema(schema(), 'untrusted'));
    expect(compileSchema(schema(), 'trusted')).not.toBe(compileSchema(schema(), 'untrusted'));
  });

  it('is either refused or judges, whatever it is, and never fails otherwise', () => {
    fc.assert(
      fc.property(fc.object({ maxDepth: 4 }), fc.jsonValue(), (schema, value) => {
        const answer = refusal(schema as Record<string, unknown>);
        if (answer !== 'compiled') expect(answer).toContain('The schema was refused');
        else expect(typeof fits(schema as Record<string, unknown>, value)).toBe('boolean');
      }),
    );
  });
});
