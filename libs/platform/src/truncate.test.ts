import { describe, expect, it } from '@jest/globals';
import { fc } from '@switchyard/testing/property';
import { redactAndCut, isSecretKey, redactSecrets, redactText, truncateForLog, truncateText } from './truncate.ts';

const SECRET = 'S3cr3tValue_0123456789abcdef';

describe('secrets by the name of their key', () => {
  it.each([
    'password',
    'DB_PASSWORD',
    'apiKey',
    'x-api-key',
    'Authorization',
    'set-cookie',
    'accessToken',
    'client_secret',
    'privateKey',
    'AWS_ACCESS_KEY',
    'pwd',
    'passwords',
  ])('masks %s', (key) => {
    expect(isSecretKey(key)).toBe(true);
    expect(JSON.stringify(redactSecrets({ deep: [{ [key]: SECRET }] }))).not.toContain(SECRET);
  });

  it.each(['input_tokens', 'outputTokens', 'maxTokens', 'idempotencyKey', 'bypass', 'name', 'passenger'])(
    'shows %s',
    (key) => {
      expect(redactSecrets({ [key]: 'plain' })).toEqual({ [key]: 'plain' });
    },
  );
});

describe('secrets by their look inside a text', () => {
  it.each([
    ['a bearer token', `Authorization: Bearer ${SECRET}`],
    ['basic credentials', `basic ${SECRET}=`],
    ['a password in a URL', `postgres://app:${SECRET}@db:5432/x`],
    ['a password with an @ in it', `redis://u:a@${SECRET}@db:6379`],
    ['a password without a user', `redis://:${SECRET}@db:6379`],
    ['a token in place of the user', `nats://${SECRET}@nats:4222`],
    ['a key in a query', `https://api.example/x?api_key=${SECRET}&a=1`],
    ['an OpenAI key', `key is sk-proj-${SECRET}`],
    ['a password in a connection string', `host=db password=${SECRET} user=app`],
    ['a variable of an environment', `OPENAI_API_KEY=${SECRET}`],
    ['a quoted variable', `export PGPASSWORD="${SECRET}"`],
    ['a field of JSON in a text', `{"user":"u","client_secret": "${SECRET}"}`],
    ['a field with a quote in it', `{"password":"a\\"${SECRET}"}`],
    ['a field of JSON in JSON', JSON.stringify({ body: JSON.stringify({ password: SECRET }) })],
    ['a header', `x-api-key: ${SECRET}`],
    [
      'a private key',
      `-----BEGIN RSA PRIVATE KEY-----\nMII${SECRET.replaceAll('_', '/')}\n-----END RSA PRIVATE KEY-----`,
    ],
    ['a GitHub token', `ghp_${SECRET.replaceAll('_', '')}`],
    ['a Slack token', `xoxb-${SECRET.replaceAll('_', '-')}`],
    ['a JWT', `eyJhbGciOiJIUzI1NiJ9.${SECRET}.${SECRET}`],
  ])('masks %s', (_, text) => {
    expect(redactText(text)).not.toContain(SECRET);
    expect(redactText(text)).not.toContain('S3cr3t');
    expect(redactText(`before ${text} after`)).toMatch(/^before [^]*\[redacted\].* after$/);
  });

  it.each([
    'http://host:8080/users/@me',
    'mail jane@example.org',
    'https://host/a?b=c',
    'a bearer of news',
    'password: expected string',
    'x="y"',
    '{"max_tokens":5}',
    'maxTokens=5',
  ])('leaves %s as it is', (text) => {
    expect(redactText(text)).toBe(text);
  });

  it.each([
    ['scheme-like', 'a.'.repeat(100_000)],
    ['JWT-like', 'eyJaaaaaaaa-'.repeat(20_000)],
    ['JWT-like with dots', 'eyJaaaaaaaaa.'.repeat(20_000)],
    ['user-info-like', 'a://'.repeat(50_000)],
    ['many @', `a://${'x@'.repeat(100_000)}`],
    ['long user info', 'a://b:'.repeat(30_000)],
    ['bearer and spaces', `bearer${' '.repeat(200_000)}`],
    ['name-like', 'token-'.repeat(30_000)],
    ['assignment-like', 'password='.repeat(30_000)],
    ['JSON-like', '"password":"'.repeat(20_000)],
    ['escaped JSON', '\\"token\\":\\"'.repeat(20_000)],
    ['escapes', `"secret":"${'\\\\'.repeat(100_000)}`],
    ['keys without an end', '-----BEGIN PRIVATE KEY-----'.repeat(10_000)],
    ['query-like', '?token='.repeat(30_000)],
  ])('takes linear time for %s text', (_, text) => {
    // Of this process alone: the machine may be busy with others. Square time would be minutes.
    const before = process.cpuUsage();
    redactText(text);
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1_000).toBeLessThan(1_500);
  });
});

describe('cutting', () => {
  it('cuts at 500 characters and says how many there were', () => {
    expect(truncateText('x'.repeat(500))).toBe('x'.repeat(500));
    expect(truncateText('x'.repeat(501))).toBe(`${'x'.repeat(500)}... [truncated, 501 chars total]`);
    expect(redactAndCut('x'.repeat(1_000_000))).toBe(`${'x'.repeat(500)}... [truncated, 1000000 chars total]`);
  });

  it('masks before it cuts: a secret that crosses the cut leaves no half', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 520 }), fc.integer({ min: 0, max: 9_000 }), (before, after) => {
        const text = `${'. '.repeat(before / 2)}Bearer ${SECRET}${' '.repeat(after)}`;
        expect(redactAndCut(text)).not.toContain('S3cr3t');
      }),
    );
  });

  it('keeps keys and shapes, cuts values', () => {
    expect(truncateForLog({ a: ['y'.repeat(600)], b: 1, c: null, d: 12n, e: () => 1, f: Number.NaN })).toEqual({
      a: [`${'y'.repeat(500)}... [truncated, 600 chars total]`],
      b: 1,
      c: null,
      d: '12',
      e: '[function]',
      f: 'NaN',
    });
  });

  it('shows dates, URLs, bytes and errors as what they are', () => {
    expect(
      truncateForLog({
        at: new Date(0),
        bad: new Date(Number.NaN),
        url: new URL('http://u:p@h/'),
        bytes: new Uint8Array(3),
        error: new TypeError('x'),
        map: new Map([[1, 2]]),
      }),
    ).toEqual({
      at: '1970-01-01T00:00:00.000Z',
      bad: 'Invalid Date',
      url: 'http://[redacted]@h/',
      bytes: '[3 bytes]',
      error: { name: 'TypeError', message: 'x' },
      map: '[1 entries]',
    });
  });
});

describe('every value', () => {
  it('gives something that is JSON and short, never an exception', () => {
    fc.assert(
      fc.property(
        fc.anything({
          withBigInt: true,
          withDate: true,
          withMap: true,
          withSet: true,
          withTypedArray: true,
          withNullPrototype: true,
        }),
        (value) => {
          for (const copy of [truncateForLog(value), redactSecrets(value)]) {
            const text = JSON.stringify(copy);
            if (text !== undefined) expect(JSON.stringify(JSON.parse(text))).toBe(text);
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it('never shows what stands under a secret key, at any depth', () => {
    const tree = fc.letrec((tie) => ({
      node: fc.oneof(
        fc.constant<unknown>({ password: SECRET }),
        fc.array(tie('node'), { maxLength: 3 }),
        fc.dictionary(fc.string({ maxLength: 8 }), tie('node'), { maxKeys: 3 }),
      ),
    })).node;
    fc.assert(fc.property(tree, (value) => expect(JSON.stringify(truncateForLog(value))).not.toContain(SECRET)));
  });

  it('never shows a known secret, wherever in a text it stands', () => {
    const forms = [
      `Bearer ${SECRET}`,
      `nats://u:${SECRET}@h`,
      `api_key=${SECRET}`,
      `{"token":"${SECRET}"}`,
      `sk-${SECRET}`,
    ];
    const around = fc.stringMatching(/^[ \n.,;:(){}A-Za-z0-9]{0,40}$/);
    fc.assert(
      fc.property(around, fc.constantFrom(...forms), around, (before, form, after) => {
        const shown = JSON.stringify(truncateForLog({ a: [{ text: `${before} ${form} ${after}` }] }));
        expect(shown).not.toContain('S3cr3t');
      }),
      { numRuns: 500 },
    );
  });

  it('masking twice is masking once', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => expect(redactSecrets(redactSecrets(value))).toEqual(redactSecrets(value))),
    );
  });

  it('survives cycles, getters and proxies that throw', () => {
    const loop: Record<string, unknown> = { ok: 1 };
    loop['self'] = loop;
    const hostile = new Proxy(
      {},
      {
        ownKeys() {
          throw new Error('no');
        },
      },
    );
    const getter = Object.defineProperty({}, 'x', {
      enumerable: true,
      get() {
        throw new Error('no');
      },
    });
    expect(truncateForLog({ loop, hostile, getter })).toEqual({
      loop: { ok: 1, self: '[circular]' },
      hostile: '[unreadable]',
      getter: { x: '[unreadable]' },
    });
  });

  it('is bounded where shared parts would multiply', () => {
    let value: unknown = 'x';
    for (let depth = 0; depth < 10; depth += 1) value = Array.from({ length: 20 }, () => value);
    expect(JSON.stringify(truncateForLog(value)).length).toBeLessThan(1_000_000);
  });

  it('a key named __proto__ stays data', () => {
    const copy = truncateForLog(JSON.parse('{"__proto__":{"polluted":true}}')) as { polluted?: boolean };
    expect(copy.polluted).toBeUndefined();
    expect(JSON.stringify(copy)).toBe('{"__proto__":{"polluted":true}}');
  });
});
