import { describe, expect, it } from '@jest/globals';
import { judgeCall, PeerPolicy, withinHours } from './peer-policy.ts';

const at = (text: string): number => Date.parse(text);
const policy = PeerPolicy.parse({
  'ada@x.y': { methods: ['GET'], paths: ['/a2a', '/runs/*'], maxBodyKb: 1 },
  '*@x.y': { paths: ['/health'] },
  '*@friends.y': { paths: ['/a2a'], contactsOnly: true },
  'night@x.y': { paths: ['/a2a'], hours: { from: '22:00', to: '06:00', days: ['fri'], zone: 'Europe/Berlin' } },
});
const call = (from: string, over: object = {}) =>
  judgeCall(policy, { from, method: 'GET', resource: '/a2a', bodyBytes: 0, isContact: false, nowMs: 0, ...over });

describe('who may call', () => {
  it.each([
    ['ada@x.y/r', {}, true],
    ['ADA@x.y/r', {}, true],
    ['ada@x.y', { resource: '/runs/1?a=b' }, true],
    ['ada@x.y', { method: 'POST' }, 'method'],
    ['ada@x.y', { resource: '/a2a2' }, 'path'],
    ['ada@x.y', { resource: '/runs/../admin' }, 'path'],
    ['ada@x.y', { resource: '/runs/%2e%2e/admin' }, 'path'],
    ['ada@x.y', { resource: '/health' }, 'path'],
    ['ada@x.y', { bodyBytes: 1_025 }, 'size'],
    ['bob@x.y', { resource: '/health' }, true],
    ['bob@x.y', {}, 'path'],
    ['eve@elsewhere.y', {}, 'stranger'],
    ['carl@friends.y', {}, 'stranger'],
    ['carl@friends.y', { isContact: true }, true],
  ])('%s with %j: %s', (from, over, expected) => {
    const verdict = call(from, over);
    expect(verdict.allowed ? true : verdict.why).toBe(expected);
  });

  it('only within its hours, in its zone, also over midnight', () => {
    const allowed = (text: string) => call('night@x.y', { nowMs: at(text) }).allowed;
    expect(allowed('2026-01-02T21:30:00Z')).toBe(true); // Friday, 22:30 in Berlin
    expect(allowed('2026-01-03T04:59:00Z')).toBe(true); // Saturday, 05:59
    expect(allowed('2026-01-03T05:00:00Z')).toBe(false);
    expect(allowed('2026-01-03T21:30:00Z')).toBe(false); // Saturday evening
    expect(allowed('2026-07-03T20:30:00Z')).toBe(true); // Friday, 22:30 in summer
  });

  it('knows hours within one day', () => {
    const hours = { from: '08:00', to: '18:00', days: ['mon' as const], zone: 'UTC' };
    expect(withinHours(hours, at('2026-01-05T08:00:00Z'))).toBe(true);
    expect(withinHours(hours, at('2026-01-05T18:00:00Z'))).toBe(false);
    expect(withinHours(hours, at('2026-01-06T09:00:00Z'))).toBe(false);
  });
});
