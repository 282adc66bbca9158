import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { z } from 'zod';
import { describeConfig, EXIT_CONFIG, loadConfig, parseConfig } from './config.ts';

const Config = z
  .object({
    NATS_URL: z.url().default('nats://localhost:4222').describe('NATS server'),
    OPENAI_API_KEY: z.string().min(20).describe('Key of the model'),
    TIMEOUT_MS: z.coerce.number().int().positive().default(30_000).describe('Longest wait'),
    MODE: z.enum(['a', 'b']).optional().describe('How'),
    DATABASE_URL: z.url().meta({ alias: 'SUPABASE_DATABASE_URL' }).describe('Database'),
  })
  .superRefine((env, context) => {
    if (env.MODE === 'b' && env.TIMEOUT_MS < 10)
      context.addIssue({ code: 'custom', path: ['TIMEOUT_MS'], message: 'mode b needs at least 10' });
  })
  .transform((env) => ({ url: env.NATS_URL, timeoutMs: env.TIMEOUT_MS, database: env.DATABASE_URL }));

const GOOD = { OPENAI_API_KEY: 'k'.repeat(20), DATABASE_URL: 'postgres://u:p@db/x' };

afterEach(() => void jest.restoreAllMocks());

describe('parseConfig', () => {
  it('gives the transformed value, with defaults for what is absent or empty', () => {
    expect(parseConfig(Config, { ...GOOD, TIMEOUT_MS: '', NATS_URL: undefined })).toEqual({
      ok: true,
      value: { url: 'nats://localhost:4222', timeoutMs: 30_000, database: GOOD.DATABASE_URL },
    });
  });

  it('reports every problem at once, each with variable, value and remedy', () => {
    const parsed = parseConfig(Config, { TIMEOUT_MS: '-5', MODE: 'c', NATS_URL: 'x y' });
    if (parsed.ok) throw new Error('expected problems');
    expect(parsed.problems.map((problem) => problem.variable).sort()).toEqual(
      ['DATABASE_URL', 'MODE', 'NATS_URL', 'OPENAI_API_KEY', 'TIMEOUT_MS'].sort(),
    );
    const of = (name: string) => parsed.problems.find((problem) => problem.variable === name);
    expect(of('TIMEOUT_MS')?.value).toBe('-5');
    expect(of('MODE')?.remedy).toContain('"a"');
    expect(of('OPENAI_API_KEY')).toEqual({
      variable: 'OPENAI_API_KEY',
      value: '(not set)',
      remedy: 'set this variable',
    });
  });

  it('checks across variables too', () => {
    const parsed = parseConfig(Config, { ...GOOD, MODE: 'b', TIMEOUT_MS: '5' });
    expect(parsed).toEqual({
      ok: false,
      problems: [{ variable: 'TIMEOUT_MS', value: '5', remedy: 'mode b needs at least 10' }],
    });
  });

  it.each([
    ['OPENAI_API_KEY', 'hunter2'],
    ['DATABASE_URL', 'postgres//u:hunter2@db'],
    ['DATABASE_URL', '//u:hunter2@db'],
    ['NATS_URL', 'nats//u:hunt/hunter2@x y'],
  ])('never shows the secret of %s=%s', (variable, value) => {
    const parsed = parseConfig(Config, { ...GOOD, [variable]: value });
    expect(parsed.ok).toBe(false);
    expect(JSON.stringify(parsed)).not.toContain('hunter2');
  });

  it('reports a transform that throws, without its secret, as a problem', () => {
    const schema = z.object({ A: z.string() }).transform((): never => {
      throw new Error('cannot read nats://u:hunter2@h');
    });
    const parsed = parseConfig(schema, { A: 'x' });
    expect(parsed).toMatchObject({ ok: false, problems: [{ remedy: expect.stringContaining('cannot read') }] });
    expect(JSON.stringify(parsed)).not.toContain('hunter2');
  });

  it('shows at most 80 characters of a value', () => {
    const parsed = parseConfig(z.object({ MODE: z.enum(['a']) }), { MODE: 'x'.repeat(5_000) });
    expect(!parsed.ok && parsed.problems[0]?.value).toBe(`${'x'.repeat(80)}…`);
  });

  it('reads a variable under its other name where its own is not set', () => {
    const { DATABASE_URL, ...rest } = GOOD;
    expect(parseConfig(Config, { ...rest, SUPABASE_DATABASE_URL: DATABASE_URL })).toMatchObject({
      ok: true,
      value: { database: DATABASE_URL },
    });
    expect(parseConfig(Config, { ...GOOD, SUPABASE_DATABASE_URL: 'postgres://other/x' })).toMatchObject({
      ok: true,
      value: { database: DATABASE_URL },
    });
  });
});

describe('loadConfig', () => {
  it('prints every problem and ends with 78', () => {
    const write = jest.spyOn(process.stderr, 'write').mockReturnValue(true);
    jest.spyOn(process, 'exit').mockImplementation((code) => {
      throw new Error(`exit ${code}`);
    });
    expect(() => loadConfig(Config, { MODE: 'c' })).toThrow(`exit ${EXIT_CONFIG}`);
    const text = write.mock.calls.map(([chunk]) => String(chunk)).join('');
    for (const name of ['OPENAI_API_KEY=(not set)', 'MODE=c', 'DATABASE_URL=(not set)']) expect(text).toContain(name);
    expect(EXIT_CONFIG).toBe(78);
  });
});

describe('describeConfig', () => {
  it('sees each variable through transform and superRefine', () => {
    expect(describeConfig(Config)).toEqual([
      {
        variable: 'NATS_URL',
        description: 'NATS server',
        required: false,
        default: 'nats://localhost:4222',
        secret: false,
      },
      { variable: 'OPENAI_API_KEY', description: 'Key of the model', required: true, secret: true },
      { variable: 'TIMEOUT_MS', description: 'Longest wait', required: false, default: '30000', secret: false },
      { variable: 'MODE', description: 'How', required: false, secret: false },
      {
        variable: 'DATABASE_URL',
        description: 'Database',
        required: true,
        alias: 'SUPABASE_DATABASE_URL',
        secret: false,
      },
    ]);
  });

  it('sees through z.preprocess and a description given before a wrapper', () => {
    const schema = z.preprocess((env) => env, z.object({ A: z.string().describe('first').optional().default('x') }));
    expect(describeConfig(schema)).toEqual([
      { variable: 'A', description: 'first', required: false, default: 'x', secret: false },
    ]);
  });
});
