import { describe, expect, it } from '@jest/globals';
import { fc } from '@switchyard/testing/property';
import { limitOfEach, serverUrls } from './hosts.ts';

describe('serverUrls', () => {
  it.each([
    ['postgresql://a:p%2Cq@db:5432/sy?sslmode=verify-full', ['postgresql://a:p%2Cq@db:5432/sy?sslmode=verify-full']],
    [
      'postgresql://a:p@one:5432,two:5433/sy?sslmode=verify-full&target_session_attrs=read-write',
      ['postgresql://a:p@one:5432/sy?sslmode=verify-full', 'postgresql://a:p@two:5433/sy?sslmode=verify-full'],
    ],
    ['postgres://one, [::1]:5433/sy?target_session_attrs=any', ['postgres://one/sy', 'postgres://[::1]:5433/sy']],
    ['/var/run/postgresql sy', ['/var/run/postgresql sy']],
  ])('reads %s', (url, servers) => {
    expect(serverUrls(url)).toEqual(servers);
  });

  it('gives every server of a URL the same login, database and parameters, and each its own address', () => {
    const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,10}$/);
    const address = fc.tuple(name, fc.integer({ min: 1, max: 65_535 }));
    fc.assert(
      fc.property(
        name,
        fc.string(),
        fc.array(address, { minLength: 1, maxLength: 5 }),
        name,
        (user, secret, at, db) => {
          const hosts = at.map(([host, port]) => `${host}:${port}`);
          const urls = serverUrls(
            `postgresql://${user}:${encodeURIComponent(secret)}@${hosts.join(',')}/${db}?sslmode=verify-full`,
          ).map((url) => new URL(url));
          expect(urls.map(({ host }) => host)).toEqual(hosts);
          for (const url of urls) {
            expect([url.username, decodeURIComponent(url.password)]).toEqual([user, secret]);
            expect(url.pathname + url.search).toBe(`/${db}?sslmode=verify-full`);
          }
        },
      ),
    );
  });
});

it('shares the limit of a connection between the servers, and leaves each a second', () => {
  expect([1, 2, 3, 50].map((servers) => limitOfEach(5_000, servers))).toEqual([5_000, 2_500, 1_666, 1_000]);
});
