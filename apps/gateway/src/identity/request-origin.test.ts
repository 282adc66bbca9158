import { describe, expect, it } from '@jest/globals';
import { challenge, metadataUrl, resourceUrl } from './mcp-challenge.ts';
import { checkCrossSite, checkHost, checkOrigin, hostOf } from './request-origin.ts';

const passes = (act: () => void): boolean => {
  try {
    act();
    return true;
  } catch {
    return false;
  }
};

describe('a Host', () => {
  const policy = { allowedHosts: ['Switchyard.example'], checked: true };
  const NOT_HOSTS = ['a b', '[::1', 'evil.example"x', 'a/b', 'a@b', 'a,b', 'a:b', '', '[::1]x', "a'b", 'a\\b'];

  it('is one of this server: its machine, an address, or a listed name', () => {
    for (const host of [
      'localhost:1',
      '127.0.0.1',
      '[::1]:8000',
      '10.0.0.7:8000',
      'switchyard.example',
      'SWITCHYARD.EXAMPLE:1',
    ])
      expect([host, passes(() => checkHost({ host }, policy, 'X'))]).toEqual([host, true]);
    const foreign = ['rebind.evil.example:8326', 'localhost.evil.example', '127.0.0.1.evil.example', undefined];
    for (const host of [...foreign, ...NOT_HOSTS])
      expect([host, passes(() => checkHost({ host }, policy, 'X'))]).toEqual([host, false]);
    expect(passes(() => checkHost({ host: 'any.example' }, { allowedHosts: [], checked: false }, 'X'))).toBe(true);
  });

  it('that is none is never part of an answer', () => {
    for (const host of NOT_HOSTS)
      expect([host, hostOf(host), resourceUrl(undefined, { host })]).toEqual([host, undefined, undefined]);
    expect(challenge(undefined, false, 'x')).toBe('Bearer');
    expect(challenge(undefined, true, 'say "no"')).toBe('Bearer error="invalid_token", error_description="say no"');
    expect(challenge(metadataUrl(resourceUrl(undefined, { host: '[::1]:8000' })!), false, '')).toBe(
      'Bearer resource_metadata="http://[::1]:8000/.well-known/oauth-protected-resource/mcp"',
    );
  });
});

describe('a page', () => {
  const host = '127.0.0.1:8000';

  it('is of this server, of this machine, or listed', () => {
    for (const origin of [undefined, `http://${host}`, 'http://localhost:3000', 'https://app.example'])
      expect(passes(() => checkOrigin({ host, origin }, ['https://app.example']))).toBe(true);
    for (const origin of ['null', 'https://evil.example', 'http://127.0.0.1.evil.example'])
      expect(passes(() => checkOrigin({ host, origin }, ['https://app.example']))).toBe(false);
  });

  it('of another site changes nothing with the cookies of this one', () => {
    const own = 'app.example';
    const may = (headers: Record<string, string>) =>
      passes(() => checkCrossSite({ host: own, ...headers }, ['https://ui.example']));
    const allowed = [
      {},
      { 'sec-fetch-site': 'none' },
      { 'sec-fetch-site': 'same-origin', origin: 'https://public.example' },
      { origin: 'https://app.example' },
      { origin: 'https://ui.example', 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
    ];
    for (const headers of allowed) expect([headers, may(headers as Record<string, string>)]).toEqual([headers, true]);
    const refused = [
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'odd' },
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { origin: 'https://other.app.example', 'sec-fetch-site': 'same-site' },
    ];
    for (const headers of refused) expect([headers, may(headers as Record<string, string>)]).toEqual([headers, false]);
  });
});
