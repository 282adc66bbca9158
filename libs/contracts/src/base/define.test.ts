import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { event, parseOrThrow, request } from './define.ts';
import { AppError } from './errors.ts';
import { REQUESTS } from '../registry.ts';
import { RUN_EVENTS } from '../events/run-events.ts';
import { SYSTEM_EVENTS } from '../events/system-events.ts';

function refusalOf(schema: z.ZodType, value: unknown): AppError {
  try {
    parseOrThrow(schema, value, 'The input');
  } catch (error) {
    if (error instanceof AppError) return error;
  }
  throw new Error('expected a refusal');
}

describe('parseOrThrow', () => {
  const schema = z.object({ a: z.string().max(3), b: z.object({ c: z.number().default(7) }).prefault({}) });

  it('gives the parsed value, with its defaults', () => {
    expect(parseOrThrow(schema, { a: 'x', more: 1 }, 'The input')).toEqual({ a: 'x', b: { c: 7 } });
  });

  it('names each wrong place and echoes no value', () => {
    const error = refusalOf(schema, { a: 'hunter2-secret', b: { c: 'hunter2-secret' } });
    expect(error).toMatchObject({ code: 'invalid_input' });
    expect(error.message).toMatch(/^The input is not valid: a: /);
    expect(error.details?.map((line) => line.split(':')[0])).toEqual(['a', 'b.c']);
    expect(JSON.stringify([error.message, error.details])).not.toContain('hunter2');
  });

  it.each([undefined, null, 'text', [], 1n, Symbol('x')])('refuses %p', (value) =>
    expect(refusalOf(schema, value).code).toBe('invalid_input'),
  );

  it.each([
    '{"length": {"toString": 5}}',
    '{"length": {"valueOf": 5, "toString": 5}}',
    '{"length": {"__proto__": null}}',
  ])('refuses %s where a text or a list is wanted, which zod itself stumbles over', (text) => {
    const hostile = JSON.parse(text) as unknown;
    for (const field of [z.string().min(1), z.string().max(5), z.array(z.string()).max(3)])
      expect(() => parseOrThrow(z.object({ field }), { field: hostile }, 'The body')).toThrow(/^The body is not valid/);
  });

  it('says little, however much is wrong and however long its names are', () => {
    const record = z.record(z.string(), z.number());
    const many = refusalOf(record, Object.fromEntries(Array.from({ length: 1_000 }, (_, n) => [`k${n}`, 'x'])));
    expect(many.details).toHaveLength(20);
    const long = refusalOf(record, { ['k'.repeat(1_000_000)]: 'x' });
    expect(long.message.length).toBeLessThan(500);
    expect(long.message).toContain('expected number');
    expect(refusalOf(z.strictObject({}), { ['k'.repeat(1_000_000)]: 1 }).message.length).toBeLessThan(500);
  });
});

describe('what is wrong with a value', () => {
  const linesOf = (schema: z.ZodType, value: unknown) => refusalOf(schema, value).details;

  it('is said of the innermost place, in words for whoever wrote it', () => {
    const Call = z.strictObject({ url: z.string(), how: z.enum(['get', 'post']).optional() });
    const schema = z.object({
      name: z.string(),
      call: Call,
      of: z.record(z.string().regex(/^a/, 'begins with a'), z.number()),
    });
    expect(linesOf(schema, { call: { urll: 'x', how: 'put' }, of: { b: 1, ab: 'x' } })).toEqual([
      'name: it is missing',
      'call.url: it is missing',
      'call.how: expected one of "get"|"post"',
      'call.urll: there is no such field',
      'of.b: begins with a',
      'of.ab: expected number, received string',
    ]);
  });

  it('is said of the one alternative that it could be, else which there are', () => {
    const schema = z.object({ result: z.union([z.string().max(3), z.record(z.string(), z.string())]) });
    expect(linesOf(schema, { result: { a: 1 } })).toEqual(['result.a: expected string, received number']);
    expect(linesOf(schema, { result: 'long' })).toEqual([expect.stringMatching(/^result: Too big/)]);
    expect(linesOf(schema, { result: 5 })).toEqual(['result: expected string or record']);
  });
});

describe('contracts', () => {
  it('are constants', () => {
    expect(Object.isFrozen(event('a.b.c', 'X.', z.object({})))).toBe(true);
    const { subject, ...rest } = REQUESTS[0]!;
    expect(Object.isFrozen(request({ subject, ...rest }))).toBe(true);
  });

  it('requests have a subject of their own, a limit, somebody who asks and a sentence', () => {
    expect(new Set(REQUESTS.map(({ subject }) => subject)).size).toBe(REQUESTS.length);
    for (const { subject, timeoutMs, askedBy, summary } of REQUESTS) {
      expect(subject).toMatch(/^rpc(\.[a-z0-9_]+){2,3}(\.\*)?$/);
      expect(timeoutMs).toBeGreaterThan(0);
      expect(askedBy.length).toBeGreaterThan(0);
      expect(summary).toMatch(/\.$/);
    }
  });

  it('facts have a type of three tokens of their own, and a sentence', () => {
    const facts = [...RUN_EVENTS, ...SYSTEM_EVENTS];
    expect(new Set(facts.map(({ type }) => type)).size).toBe(facts.length);
    for (const { type, summary } of facts) {
      expect(type).toMatch(/^[a-z0-9_]+\.[a-z0-9_]+\.[a-z0-9_]+$/);
      expect(summary).toMatch(/\.$/);
    }
  });
});
