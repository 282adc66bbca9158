import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { SystemFact } from '@switchyard/contracts';
import { systemClock } from '@switchyard/platform';
import { Denials, sourceOf } from './denials.ts';
import { FailedLogins } from './failed-logins.ts';

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

const refusal = (ip: string, reason = 'no') =>
  ({ type: 'gateway.auth.failed', data: { reason, path: '/runs', source_ip: ip } }) as const;

describe('refusals in the audit log', () => {
  const told: SystemFact[] = [];
  const open = () => {
    told.length = 0;
    return new Denials((fact) => told.push(fact), systemClock);
  };
  const counts = () => told.map(({ data }) => (data as { count?: number }).count);

  it('are one record a minute for a source and a reason, with their number', () => {
    const denials = open();
    for (let second = 0; second < 120; second += 1) {
      for (let i = 0; i < 100; i += 1) denials.add(refusal('10.0.0.1'), '10.0.0.1');
      jest.advanceTimersByTime(1_000);
    }
    expect(told.length).toBeLessThanOrEqual(3);
    denials.close();
    expect(counts().reduce<number>((sum, count) => sum + count!, 0)).toBe(12_000);
    expect(counts()[0]).toBe(1);
  });

  it('of more sources than are told apart are counted together', () => {
    const denials = open();
    for (let i = 0; i < 5_000; i += 1) denials.add(refusal(`10.0.${i >> 8}.${i & 255}`), `10.0.${i >> 8}.${i & 255}`);
    denials.close();
    expect(told.length).toBeLessThanOrEqual(66);
    expect(counts().reduce<number>((sum, count) => sum + count!, 0)).toBe(5_000);
    expect(told.at(-1)).toMatchObject({ data: { source_ip: 'others' } });
  });
});

describe('failed logins', () => {
  it('are limited for each address, in bounded memory, and forgotten after a minute', () => {
    const logins = new FailedLogins(3, systemClock);
    const count = (source: string) => {
      try {
        logins.count(source);
        return 'refused';
      } catch (error) {
        return (error as { retryAfterMs?: number }).retryAfterMs;
      }
    };
    for (let i = 0; i < 3; i += 1) expect(count('a')).toBe('refused');
    jest.advanceTimersByTime(20_000);
    expect(count('a')).toBe(40_000);
    expect(count('b')).toBe('refused');
    jest.advanceTimersByTime(40_000);
    expect(count('a')).toBe('refused');
    for (let i = 0; i < 20_000; i += 1) count(`10.${i}`);
    expect(count('a')).toBe('refused');
  });

  it('count the network of a subscriber, who has every address in it', () => {
    expect(sourceOf('10.0.0.1')).toBe('10.0.0.1');
    expect(sourceOf('::ffff:10.0.0.1')).toBe('10.0.0.1');
    expect(sourceOf('2001:db8:1:2:3:4:5:6')).toBe('2001:db8:1:2::/64');
    expect(sourceOf('2001:db8:1:2::9')).toBe('2001:db8:1:2::/64');
    expect(sourceOf('2001:0db8::1')).toBe('2001:db8:0:0::/64');
    expect(sourceOf('::1')).toBe('0:0:0:0::/64');
    expect(sourceOf('fe80::1%eth0')).toBe('fe80:0:0:0::/64');
  });
});
