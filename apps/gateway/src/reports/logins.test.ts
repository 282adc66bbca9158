import { describe, expect, it } from '@jest/globals';
import type { Principal, SystemFact } from '@switchyard/contracts';
import { type Login, Logins } from './logins.ts';

const ADA: Principal = { tenantId: 'acme', userId: 'ada', role: 'user', via: 'jwt' };
const MINUTE_MS = 60_000;

function streamReporter() {
  const told: SystemFact[] = [];
  const clock = { at: 0, now: () => clock.at };
  const logins = new Logins((fact) => void told.push(fact), clock);
  const login = (more: Partial<Login> = {}) =>
    logins.note({ principal: ADA, credential: 'one', ip: '203.0.113.77', path: '/runs', ...more });
  return { told, clock, login };
}

describe('who logged in', () => {
  it('is told once for a credential, however many requests it makes, and again while it is still used', () => {
    const { told, clock, login } = streamReporter();
    for (let n = 0; n < 1_000; n += 1) login();
    expect(told).toHaveLength(1);
    clock.at = 14 * MINUTE_MS;
    login();
    expect(told).toHaveLength(1);
    clock.at = 15 * MINUTE_MS;
    login();
    login();
    expect(told).toHaveLength(2);
  });

  it('is told of each token, role, network and user', () => {
    const { told, login } = streamReporter();
    login();
    login({ credential: 'two' });
    login({ ip: '198.51.100.1' });
    login({ principal: { ...ADA, role: 'admin' } });
    login({ principal: { ...ADA, userId: 'bob' } });
    login({ principal: { ...ADA, tenantId: 'other' } });
    expect(told).toHaveLength(6);
  });

  it('says who and from which network, and nothing of the credential or the whole address', () => {
    const { told, login } = streamReporter();
    login();
    login({ ip: '2001:db8:12:34::9', credential: 'two' });
    login({ ip: '::ffff:198.51.100.7', credential: 'three' });
    login({ principal: { ...ADA, via: 'xmpp' }, ip: '127.0.0.1' });
    expect(told[0]).toEqual({
      type: 'gateway.auth.succeeded',
      data: {
        tenant_id: 'acme',
        user_id: 'ada',
        role: 'user',
        via: 'jwt',
        path: '/runs',
        source_net: '203.0.113.0/24',
      },
    });
    expect(told.slice(1).map(({ data }) => (data as { source_net: unknown }).source_net)).toEqual([
      '2001:db8:12::/48',
      '198.51.100.0/24',
      null,
    ]);
  });

  it('remembers a bounded number', () => {
    const { told, login } = streamReporter();
    for (let n = 0; n < 20_001; n += 1) login({ credential: `c${n}` });
    login({ credential: 'c20000' });
    expect(told).toHaveLength(20_001);
    login({ credential: 'c0' });
    expect(told).toHaveLength(20_002);
  });
});
