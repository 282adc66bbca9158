import { describe, expect, it } from '@jest/globals';
import { watchersOf } from '../environment/logins.ts';
import { personOf } from '../command-line/operator-bus.ts';
import { contextFile } from './verb-nats.ts';

describe('people on the message bus', () => {
  it('are called as they say, or as their account is called, in characters that an id may have', () => {
    expect(personOf('grace', 'root')).toBe('grace');
    expect(personOf(undefined, 'CORP\\ada lovelace')).toBe('CORP-ada-lovelace');
    expect(() => personOf('ada lovelace', 'root')).toThrow(/letters, digits/);
  });

  it('get a context of the stock client with an inbox prefix of their own and no password in the URL', () => {
    expect(contextFile('watcher', 'nats://watcher:secret@127.0.0.1:4222')).toEqual({
      description: expect.stringContaining('watcher'),
      url: 'nats://127.0.0.1:4222',
      user: 'watcher',
      password: 'secret',
      inbox_prefix: '_INBOX.watcher',
    });
  });

  it('watch the tenants that NATS_WATCHERS names, which says what is wrong with it', () => {
    expect(watchersOf({})).toEqual({});
    expect(watchersOf({ NATS_WATCHERS: '{"watcher-acme":["acme"],"watcher-ops":"all"}' })).toEqual({
      'watcher-acme': ['acme'],
      'watcher-ops': 'all',
    });
    for (const wrong of ['{"gateway":["acme"]}', '{"watcher-acme":["a.>"]}', '{"watcher-acme":[]}', 'acme'])
      expect(() => watchersOf({ NATS_WATCHERS: wrong })).toThrow(/NATS_WATCHERS: expected/);
  });
});
