import { describe, expect, it } from '@jest/globals';
import { Lease } from '../execution/lease.ts';
import { TakeoverGrace } from './takeover-grace.ts';

function clockAt(start: number) {
  let now = start;
  return { now: () => now, pass: (ms: number) => void (now += ms) };
}

describe('the takeover grace', () => {
  it('takes expired leases as long as the database answered all the time', () => {
    const clock = clockAt(0);
    const grace = new TakeoverGrace(clock, 9_000);
    clock.pass(60_000); // nothing was asked: nothing is known of an outage
    grace.answered();
    expect(grace.takesExpired).toBe(true);
  });

  it('gives owners one lease after an outage in which they may have missed a renewal', () => {
    const clock = clockAt(0);
    const grace = new TakeoverGrace(clock, 9_000);
    grace.answered();
    clock.pass(3_000);
    grace.failed();
    clock.pass(3_001);
    grace.answered();
    expect(grace.takesExpired).toBe(false);
    clock.pass(8_999);
    grace.answered();
    expect(grace.takesExpired).toBe(false);
    clock.pass(1);
    expect(grace.takesExpired).toBe(true);
  });

  it('does not wait after an outage that no renewal can have fallen victim to', () => {
    const clock = clockAt(0);
    const grace = new TakeoverGrace(clock, 9_000);
    grace.answered();
    grace.failed();
    clock.pass(6_000);
    grace.answered();
    expect(grace.takesExpired).toBe(true);
  });

  it('gives owners one lease after this process itself stood still', () => {
    const clock = clockAt(0);
    const grace = new TakeoverGrace(clock, 9_000);
    grace.stoodStill(5_000);
    expect(grace.takesExpired).toBe(true);
    grace.stoodStill(7_000);
    expect(grace.takesExpired).toBe(false);
    clock.pass(9_000);
    expect(grace.takesExpired).toBe(true);
  });
});

describe('the lease as its owner knows it', () => {
  it('ends before the lease in the database does, counted from before the question', () => {
    const clock = clockAt(0);
    const lease = new Lease(clock, 10_000);
    const asked = lease.now();
    clock.pass(5_000); // the answer takes its time
    lease.renewed(asked);
    clock.pass(3_999);
    expect(lease.holds).toBe(true);
    clock.pass(1);
    expect(lease.holds).toBe(false);
    lease.renewed(lease.now());
    expect(lease.holds).toBe(true);
  });

  it('is not prolonged by an answer to an older question', () => {
    const clock = clockAt(0);
    const lease = new Lease(clock, 10_000);
    const older = lease.now();
    clock.pass(8_000);
    lease.renewed({ ...lease.now(), steady: older.steady + 1 });
    lease.renewed(older);
    clock.pass(8_000);
    expect(lease.holds).toBe(true);
  });
});
