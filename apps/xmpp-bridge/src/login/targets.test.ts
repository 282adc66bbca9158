import { describe, expect, it } from '@jest/globals';
import { configuredTarget, type Dns, findTargets } from './targets.ts';

const where = { domain: 'example.org', host: undefined, port: undefined, tls: 'auto' as const };
const dns = (records: Record<string, Awaited<ReturnType<Dns['resolveSrv']>>>, known = true): Dns => ({
  resolveSrv: async (name) => {
    if (!records[name]) throw new Error('ENOTFOUND');
    return records[name];
  },
  lookup: async () => (known ? 'ok' : Promise.reject(new Error('ENOTFOUND'))),
});
const srv = (name: string, port: number, priority = 0) => ({ name, port, priority, weight: 0 });

describe('where to connect to', () => {
  it.each([
    [{ host: 'h' }, { host: 'h', port: 5222, mode: 'starttls' }],
    [
      { host: 'h', port: 5223 },
      { host: 'h', port: 5223, mode: 'direct' },
    ],
    [
      { host: 'h', tls: 'direct' as const },
      { host: 'h', port: 5223, mode: 'direct' },
    ],
    [
      { host: 'h', port: 15222, tls: 'off' as const },
      { host: 'h', port: 15222, mode: 'off' },
    ],
  ])('is what is configured: %j', (over, target) => {
    expect(configuredTarget({ ...where, ...over })).toEqual(target);
  });

  it('is never clear text by itself', async () => {
    const found = await findTargets(where, dns({ '_xmpp-client._tcp.example.org': [srv('x', 5222)] }));
    expect(found).toEqual({ targets: [{ host: 'x', port: 5222, mode: 'starttls' }] });
  });

  it('is what DNS says, direct TLS first, best priority first', async () => {
    const found = await findTargets(
      where,
      dns({
        '_xmpps-client._tcp.example.org': [srv('b', 443, 5), srv('a', 5223, 1)],
        '_xmpp-client._tcp.example.org': [srv('c', 5222)],
      }),
    );
    expect('targets' in found && found.targets.map(({ host, mode }) => [host, mode])).toEqual([
      ['a', 'direct'],
      ['b', 'direct'],
      ['c', 'starttls'],
    ]);
  });

  it('is without TLS where that was asked for, and then alone', async () => {
    const records = {
      '_xmpps-client._tcp.example.org': [srv('b', 443)],
      '_xmpp-client._tcp.example.org': [srv('c', 5222)],
    };
    const found = await findTargets({ ...where, tls: 'off' }, dns(records));
    expect(found).toEqual({ targets: [{ host: 'c', port: 5222, mode: 'off' }] });
  });

  it('is the domain itself where DNS says of the port of direct TLS alone that there is none', async () => {
    const found = await findTargets(where, dns({ '_xmpps-client._tcp.example.org': [srv('', 0)] }));
    expect(found).toEqual({ targets: [{ host: 'example.org', port: 5222, mode: 'starttls' }] });
  });

  it('is the domain itself where DNS has no record of a service', async () => {
    expect(await findTargets(where, dns({}))).toMatchObject({ targets: [{ host: 'example.org', port: 5222 }] });
  });

  it('says why there is none', async () => {
    expect(await findTargets(where, dns({}, false))).toMatchObject({ none: expect.stringContaining('AZTM_HOST') });
    const none = dns({ '_xmpp-client._tcp.example.org': [srv('', 0)] });
    expect(await findTargets(where, none)).toMatchObject({ none: expect.stringContaining('offers no XMPP') });
  });
});
