import { describe, expect, it } from '@jest/globals';
import { fc } from '@switchyard/testing/property';
import { hostAndPort, isPublicAddress, judgeUrl } from './address-guard.ts';

const PRIVATE = `0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 127.0.0.1 127.255.255.254 169.254.169.254 172.16.0.1 172.31.255.255
  192.0.0.8 192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1 240.0.0.1 255.255.255.255
  :: ::1 ::127.0.0.1 ::8.8.8.8 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:0:127.0.0.1 64:ff9b::7f00:1 64:ff9b:1::1
  100::1 2001::1 2001:2::1 2001:db8::1 2002:7f00:1:: 3fff::1 4000::1 5f00::1 fc00::1 fd00::1 fe80::1 fe80::1%eth0 fec0::1
  ff02::1`.split(/\s+/);

describe('isPublicAddress', () => {
  it.each(PRIVATE)('refuses %s', (address) => expect(isPublicAddress(address)).toBe(false));

  it.each(['8.8.8.8', '1.1.1.1', '172.32.0.1', '100.128.0.1', '2606:4700::1111', '2a00:1450::1', '::ffff:8.8.8.8'])(
    'lets %s pass',
    (address) => expect(isPublicAddress(address)).toBe(true),
  );

  it('refuses what is no address', () => {
    fc.assert(fc.property(fc.string(), (text) => expect(isPublicAddress(`x${text}`)).toBe(false)));
    expect(isPublicAddress('')).toBe(false);
  });

  it('refuses every IPv6 way of writing a private IPv4 address', () => {
    fc.assert(
      fc.property(fc.constantFrom('10.', '127.', '192.168.'), fc.nat(255), fc.nat(255), (net, a, b) => {
        const v4 = net === '192.168.' ? `${net}${a}.${b}` : `${net}${a}.${b}.1`;
        for (const prefix of ['::ffff:', '::', '64:ff9b::', '::ffff:0:'])
          expect(isPublicAddress(`${prefix}${v4}`)).toBe(false);
      }),
    );
  });
});

/** Ways of writing an address that must not be called (WHATWG URL, RFC 6890). */
const FORMS = `http://127.0.0.1/ http://127.1/ http://2130706433/ http://0x7f000001/ http://0x7f.1/ http://0177.0.0.1/
  http://017700000001/ http://0/ http://0.0.0.0/ http://①②⑦.⓪.⓪.①/ http://127。0。0。1/ http://%31%32%37.0.0.1/ http://127.0.0.1./
  http://localhost/ http://LOCALHOST/ http://localhost./ http://a.localhost/ http://[::1]/ http://[::]/ http://[::ffff:127.0.0.1]/
  http://[0:0:0:0:0:ffff:7f00:1]/ http://[::127.0.0.1]/ http://[64:ff9b::7f00:1]/ http://[2002:7f00:1::]/ http://[fd00::1]/
  http://[fe80::1]/ http://169.254.169.254/latest/meta-data/ http://10.0.0.1/ http://192.168.0.1/ http://100.64.0.1/`.split(
  /\s+/,
);

describe('judgeUrl', () => {
  it.each(FORMS)('refuses %s', (text) => expect(judgeUrl(new URL(text), new Set())).toMatchObject({ ok: false }));

  it.each([
    'file:///etc/passwd',
    'ftp://example.org/',
    'gopher://example.org/',
    'data:text/plain,x',
    'javascript:1',
    'ws://example.org/',
  ])('refuses the scheme of %s', (text) =>
    expect(judgeUrl(new URL(text), new Set(['example.org']))).toEqual({
      ok: false,
      why: 'only http and https are called',
    }),
  );

  it('refuses credentials in a URL, also of a host that is allowed', () => {
    expect(judgeUrl(new URL('http://u:p@localhost/'), new Set(['localhost']))).toMatchObject({ ok: false });
    expect(judgeUrl(new URL('http://u@example.org/'), new Set())).toMatchObject({ ok: false });
  });

  it('trusts exactly the host, or host and port, that the operator names', () => {
    const allow = new Set(['localhost:8001', '10.0.0.5', '[::1]:80']);
    for (const url of ['http://localhost:8001/x', 'http://10.0.0.5/', 'https://10.0.0.5:9/', 'http://[::1]/'])
      expect(judgeUrl(new URL(url), allow)).toEqual({ ok: true, trusted: true });
    for (const url of ['http://localhost:8002/', 'http://localhost/', 'http://10.0.0.6/', 'http://[::1]:81/'])
      expect(judgeUrl(new URL(url), allow)).toMatchObject({ ok: false });
    expect(judgeUrl(new URL('http://localhost.example.org/'), allow)).toEqual({ ok: true, trusted: false });
  });
});

describe('hostAndPort', () => {
  it('writes the port out and leaves the last dot away', () => {
    expect(hostAndPort(new URL('https://Example.org./x'))).toBe('example.org:443');
    expect(hostAndPort(new URL('http://[::1]/'))).toBe('[::1]:80');
  });
});
