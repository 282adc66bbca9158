import { describe, expect, it } from '@jest/globals';
import { fc } from '@switchyard/testing/property';
import { createLogger, partOf } from './log.ts';

const SECRET = 'S3cr3tValue_0123456789abcdef';

function broken(): never {
  throw new Error('no');
}

function logged(level = 'info') {
  const lines: string[] = [];
  const log = createLogger({ app: 'test', level, destination: { write: (line) => void lines.push(line) } });
  return { log, lines, last: () => JSON.parse(lines.at(-1) ?? 'null') as Record<string, unknown> };
}

describe('a log line', () => {
  it('carries level, time, app and the ids of the work that its logger is for', () => {
    const { log, last } = logged();
    log.child({ runId: 'r1', tenantId: 't1' }).child({ stepId: 's1' }).info({ n: 1 }, 'done');
    expect(last()).toMatchObject({
      level: 'info',
      app: 'test',
      runId: 'r1',
      tenantId: 't1',
      stepId: 's1',
      n: 1,
      message: 'done',
    });
    expect(String(last()['time'])).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/);
    log.info('outside');
    expect(last()).not.toHaveProperty('runId');
  });

  it('is one line, whatever the text holds', () => {
    const { log, lines } = logged();
    log.info({ text: 'a\nb\u001b[31m' }, 'x\r\ny');
    expect(lines).toHaveLength(1);
    for (const control of ['\n', '\r', '\u001b']) expect(lines[0]?.trimEnd()).not.toContain(control);
  });

  it('keeps stack, code and every cause of an error', () => {
    const { log, last } = logged();
    const root = Object.assign(new Error('root'), { code: 'ECONNREFUSED' });
    log.error({ err: new Error('outer', { cause: new Error('middle', { cause: root }) }) }, 'failed');
    expect(last()).toMatchObject({
      message: 'failed',
      err: { message: 'outer', cause: { message: 'middle', cause: { message: 'root', code: 'ECONNREFUSED' } } },
    });
    expect(JSON.stringify(last()['err'])).toContain('log.test.ts');
  });

  it('survives an error that is its own cause', () => {
    const { log, last } = logged();
    const error = new Error('loop');
    error.cause = error;
    log.error(error);
    expect(last()).toMatchObject({ message: 'loop', err: { message: 'loop' } });
  });

  it.each([
    ['a field', (log: ReturnType<typeof logged>['log']) => log.info({ apiKey: SECRET }, 'x')],
    ['a field in depth', (log: ReturnType<typeof logged>['log']) => log.info({ a: [{ token: SECRET }] }, 'x')],
    ['the binding of a child', (log: ReturnType<typeof logged>['log']) => log.child({ password: SECRET }).info('x')],
    [
      'the binding of a grandchild',
      (log: ReturnType<typeof logged>['log']) => log.child({ a: 1 }).child({ secret: SECRET }).info('x'),
    ],
    ['the message', (log: ReturnType<typeof logged>['log']) => log.info(`Bearer ${SECRET}`)],
    ['what is put into the message', (log: ReturnType<typeof logged>['log']) => log.info('Bearer %s', SECRET)],
    [
      'the message after fields',
      (log: ReturnType<typeof logged>['log']) => log.info({}, 'redis://:%s@db and %d', SECRET, 1),
    ],
    ['an error', (log: ReturnType<typeof logged>['log']) => log.error(new Error(`Bearer ${SECRET}`))],
    [
      'the error of a field',
      (log: ReturnType<typeof logged>['log']) => log.error({ err: new Error(`Bearer ${SECRET}`) }),
    ],
    [
      'a cause',
      (log: ReturnType<typeof logged>['log']) =>
        log.error({ err: new Error('x', { cause: new Error(`nats://${SECRET}@h`) }) }, 'x'),
    ],
    [
      'the error of a child',
      (log: ReturnType<typeof logged>['log']) => log.child({ err: new Error(`Bearer ${SECRET}`) }).info('x'),
    ],
  ])('never shows a secret in %s', (_, write) => {
    const { log, lines } = logged();
    write(log);
    expect(lines).toHaveLength(1);
    expect(lines.join('')).not.toContain(SECRET);
  });

  it.each([
    ['an error under a secret key', { password: new Error(SECRET) }],
    ['the code of an error', { err: Object.assign(new Error('x'), { code: `Bearer ${SECRET}` }) }],
    ['the name of an error', { err: Object.assign(new Error('x'), { name: `Bearer ${SECRET}` }) }],
    ['an error among others', { err: new AggregateError([new Error(`Bearer ${SECRET}`)]) }],
    ['the name of a field', { [`sk-${SECRET}`]: 1 }],
  ])('never shows a secret in %s', (_, fields) => {
    const { log, lines } = logged();
    log.error(fields, 'x');
    expect(lines.join('')).not.toContain(SECRET);
  });

  it('never shows a secret in bindings that were set later', () => {
    const { log, lines } = logged();
    const child = log.child({ part: 'x' });
    child.setBindings({ password: SECRET });
    child.info('y');
    expect(lines.join('')).toContain('"part":"x"');
    expect(lines.join('')).not.toContain(SECRET);
  });

  it.each([
    ['an error whose message is an object', [Object.assign(new Error('x'), { message: { a: 1 } })]],
    ['an error without a message', [{ err: Object.assign(new Error('x'), { message: undefined, stack: 5 }) }]],
    ['an error with a getter that throws', [Object.defineProperty(new Error('x'), 'message', { get: broken })]],
    ['a getter that throws', [Object.defineProperty({}, 'x', { enumerable: true, get: broken }), 'm']],
    ['a proxy that throws', [new Proxy({}, { ownKeys: broken, get: broken }), 'm']],
    ['a message that is no text', [{}, Object.create(null)]],
    ['a conversion that throws', ['%s', { toString: broken }]],
    ['nothing', []],
  ])('survives %s', (_, args) => {
    const { log, lines, last } = logged();
    (log.info as (...args: unknown[]) => void)(...args);
    expect(lines).toHaveLength(1);
    expect(last()).toMatchObject({ level: 'info', app: 'test' });
  });

  it('is one line of JSON, of bounded length, whatever is logged', () => {
    const any = fc.anything({ withBigInt: true, withDate: true, withMap: true, withNullPrototype: true });
    fc.assert(
      fc.property(fc.array(any, { minLength: 1, maxLength: 4 }), (args) => {
        const { log, lines, last } = logged();
        (log.info as (...args: unknown[]) => void)(...args);
        expect(lines).toHaveLength(1);
        expect(last()).toMatchObject({ app: 'test' });
      }),
      { numRuns: 500 },
    );
    const { log, lines } = logged();
    log.info({ ['k'.repeat(1_000_000)]: 1 }, 'x'.repeat(1_000_000));
    expect(lines.join('').length).toBeLessThan(2_000);
  });

  it('cuts values and messages at 500 characters', () => {
    const { log, last } = logged();
    log.info({ value: 'v'.repeat(501) }, 'm'.repeat(2_000));
    expect(last()['value']).toBe(`${'v'.repeat(500)}... [truncated, 501 chars total]`);
    expect(last()['message']).toBe(`${'m'.repeat(500)}... [truncated, 2000 chars total]`);
  });

  it('leaves a percent sign alone where nothing is put in', () => {
    const { log, last } = logged();
    log.info('50 %d done');
    expect(last()['message']).toBe('50 %d done');
  });
});

describe('a level', () => {
  it('that is off writes nothing and does not even read the fields', () => {
    const { log, lines } = logged('warn');
    log.info(
      {
        get expensive() {
          throw new Error('read');
        },
      },
      'x',
    );
    expect(lines).toHaveLength(0);
  });

  it('that does not exist is info, and the service starts', () => {
    const { log, lines } = logged('chatty');
    log.info('x');
    log.debug('y');
    expect(lines).toHaveLength(1);
  });
});

describe('a part of a service', () => {
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  const messages = () => lines.map((line) => (JSON.parse(line) as { message: string }).message);

  it('has a level of its own, above or below that of its service, and names itself', () => {
    lines.length = 0;
    const levels = { of: { 'xmpp-bridge.login': 'debug', bus: 'error' }, unknown: [] } as const;
    const log = createLogger({ app: 'xmpp-bridge', level: 'INFO', levels, destination });
    const login = partOf(log, 'login').child({ attempt: 1 });
    login.debug({ token: SECRET }, 'a step');
    partOf(log, 'bus').warn('not shown');
    partOf(log, 'stream').debug('not shown');
    log.debug('not shown');
    log.info('shown');
    expect(messages()).toEqual(['a step', 'shown']);
    expect(JSON.parse(lines[0]!)).toMatchObject({ part: 'login', attempt: 1, level: 'debug' });
    expect(lines.join('')).not.toContain(SECRET);
  });

  it('that there is not is told once, at the start', () => {
    lines.length = 0;
    createLogger({ app: 'audit', levels: { of: {}, unknown: ['bsu'] }, destination });
    expect(messages()).toEqual([expect.stringContaining('LOG_LEVELS names "bsu"')]);
  });
});
