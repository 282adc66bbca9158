import { describe, expect, it } from '@jest/globals';
import { parseUrl } from './wire.ts';
import { standsAhead } from './pull.ts';
import { checkServerVersion, ignoredOptions } from './streams.ts';

describe('parseUrl', () => {
  it.each([
    ['nats://127.0.0.1:4222', { server: ['127.0.0.1:4222'] }],
    ['nats://gateway:p%40ss@host', { server: ['host:4222'], user: 'gateway', pass: 'p@ss' }],
    ['nats://t0ken@host:1', { server: ['host:1'], token: 't0ken' }],
    ['a:1, b:2', { server: ['a:1', 'b:2'] }],
  ])('reads %s', (text, parts) => {
    expect(parseUrl(text)).toEqual(parts);
  });
});

describe('the server', () => {
  it('is refused when it is too old for what is needed', () => {
    expect(() => checkServerVersion('2.8.4')).toThrow(/too old/);
    expect(() => checkServerVersion('2.9.10')).not.toThrow();
    expect(() => checkServerVersion('3.0.0')).not.toThrow();
  });

  it('is caught when it drops an option in silence', () => {
    expect(ignoredOptions({ name: 'A', max_age: 5, allow_msg_ttl: true }, { name: 'A', max_age: 5 })).toEqual([
      'allow_msg_ttl',
    ]);
  });

  it('has lost its end where the consumer stands ahead of it', () => {
    expect(standsAhead(36_070, 0)).toBe(true);
    expect(standsAhead(10, 10)).toBe(false);
  });
});
