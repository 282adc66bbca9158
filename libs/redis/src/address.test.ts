import { describe, expect, it } from '@jest/globals';
import { isRedisAddress, redisServers, sentinelAddress } from './address.ts';

describe('an address of Sentinels', () => {
  it('names the Sentinels, the group and the login at Redis', () => {
    expect(sentinelAddress('rediss-sentinel://gateway:p%40ss@one:26379, two,[::1]:5/3#main%2Fa')).toEqual({
      sentinels: [
        { host: 'one', port: 26_379 },
        { host: 'two', port: 26_379 },
        { host: '::1', port: 5 },
      ],
      name: 'main/a',
      tls: true,
      db: 3,
      username: 'gateway',
      password: 'p@ss',
    });
    expect(sentinelAddress('redis-sentinel://one?sentinel_username=s&sentinel_password=%23#g')).toMatchObject({
      tls: false,
      db: 0,
      sentinelUsername: 's',
      sentinelPassword: '#',
    });
  });

  it('is refused with a sentence where it names no group; any other address is one Redis', () => {
    expect(() => sentinelAddress('redis-sentinel://one:26379,two:26379')).toThrow(/#group$/);
    expect(sentinelAddress('rediss://one:6379')).toBeUndefined();
  });
});

it('shows the servers of an address without its login', () => {
  expect(redisServers('redis-sentinel://gateway:secret@one,two:1#g')).toBe('one:26379,two:1');
  expect(redisServers('rediss://gateway:secret@one:6379/1')).toBe('one:6379');
  for (const wrong of ['redis-sentinel://one', 'http://one', 'one:6379', ''])
    expect(redisServers(wrong)).toBeUndefined();
});

it('is a setting only where a client can be made of it', () => {
  for (const right of [undefined, 'redis://one:6379', 'rediss-sentinel://one,two#g'])
    expect(isRedisAddress(right)).toBe(true);
  for (const wrong of ['redis-sentinel://one', 'http://one', 'one:6379', '']) expect(isRedisAddress(wrong)).toBe(false);
});
