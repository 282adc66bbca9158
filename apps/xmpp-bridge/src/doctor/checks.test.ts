import { describe, expect, it } from '@jest/globals';
import { checkOf, XMPP_CHECKS } from '../login/checks.ts';
import { judgeConfiguration, judgeLatency, judgeLimits, judgeOffline, judgePeers, judgePresence } from './judges.ts';
import * as say from './sentences.ts';
import { LOGIN_FAILURES, LOGIN_STEPS, type LoginFailureCode } from '../login/failure.ts';
import { masked } from '../login/transcript.ts';
import { streamError } from '../login/sentences.ts';
import { socketFailure } from '../login/socket-failure.ts';

describe('the checks of the AZTM login', () => {
  it('are 24, numbered in their order, and every failure of a login belongs to one', () => {
    expect(XMPP_CHECKS.map(([number]) => number)).toEqual(Array.from({ length: 24 }, (_, n) => n + 1));
    for (const code of Object.keys(LOGIN_FAILURES) as LoginFailureCode[])
      for (const step of LOGIN_STEPS) {
        expect(checkOf({ code, step })).toBeGreaterThanOrEqual(2);
        expect(checkOf({ code, step })).toBeLessThanOrEqual(17);
      }
  });

  it('name the step at which a server fell silent', () => {
    for (const step of LOGIN_STEPS) expect(say.silent(step, 3, false, 'a.test:5222')).toMatch(/3 s/);
    expect(checkOf({ code: 'TIMEOUT', step: 'connecting' })).toBe(3);
    expect(say.silent('connecting', 3, false, 'a.test:5222')).toBe(
      'a.test:5222 did not answer within 3 s (no SYN answer): a firewall, or no such machine.',
    );
  });

  it('3: tell of several addresses also those that refused', () => {
    const target = { host: 'a.test', port: 5222, mode: 'starttls' } as const;
    const errors = [
      { code: 'ETIMEDOUT', address: '2001:db8::1' },
      { code: 'ECONNREFUSED', address: '192.0.2.1' },
    ];
    expect(socketFailure({ code: 'ETIMEDOUT', errors }, target, 'a.test').sentence).toBe(
      'a.test:5222 does not answer (ETIMEDOUT): a firewall, or no route. 192.0.2.1 refused the connection (ECONNREFUSED): nothing listens there.',
    );
  });

  it('5: tell a port for servers by what it says', () => {
    expect(streamError('invalid-namespace', '')).toMatch(/for servers \(s2s\): clients use 5222 \(AZTM_PORT\)/);
    expect(streamError('reset', '')).not.toMatch(/5222/);
  });

  it('20: tell a limit that only larger bodies meet from one that the bridge meets, and a slow server from both', () => {
    const sent = (bytes: number, ms: number | null) => ({ bytes, ms, why: ms === null ? 'policy-violation' : '' });
    const needed = { neededBytes: 70_000, raw: [] };
    expect(judgeLimits({ ...needed, sent: [sent(16_384, 5), sent(65_536, 9), sent(131_072, null)] }).status).toBe(
      'warn',
    );
    expect(judgeLimits({ ...needed, sent: [sent(16_384, 5), sent(65_536, null)] }).status).toBe('fail');
    expect(judgeLimits({ ...needed, sent: [sent(65_536, 6_500)] }).sentence).toMatch(/^About 10 KB\/s: rate limit/);
    expect(judgeLimits({ ...needed, sent: [sent(65_536, 100), sent(250_000, 400)] }).status).toBe('ok');
  });

  it('21: a slow line is no delayed ACK', () => {
    expect(judgeLatency([1, 2], [44, 46]).status).toBe('warn');
    expect(judgeLatency([40, 41], [45, 46]).status).toBe('ok');
  });

  it('18, 22, 24: what servers refuse is said with what it means', () => {
    const presence = { refused: null, reflected: false, roster: new Map(), mapped: [] };
    expect(judgePresence(presence).sentence).toBe('Session has no presence: bare-JID messages will not arrive.');
    expect(judgePresence({ ...presence, refused: 'forbidden' }).status).toBe('fail');
    const away = { jid: 'b@far.test', address: 'b@far.test/aztm', refused: 'remote-server-not-found', wire: null };
    expect(judgePeers([away]).sentence).toMatch(/the domain of the peer is unreachable over s2s/);
    expect(judgeOffline(null, true, null)).toMatchObject({
      status: 'warn',
      evidence: [expect.stringContaining('msgoffline')],
    });
  });

  it('22: a peer at another domain that stays silent may be one whose server cannot reach ours', () => {
    const silent = { jid: 'b@far.test', address: 'b@far.test/aztm', refused: 'silent', wire: null };
    expect(judgePeers([{ ...silent, isElsewhere: true }]).sentence).toMatch(/its server cannot reach ours.*s2s/);
    expect(judgePeers([{ ...silent, isElsewhere: false }]).sentence).not.toMatch(/s2s/);
  });

  it('22: a refusal is told with what was said, and blames nobody', () => {
    const refused = { jid: 'b@far.test', address: 'b@far.test/aztm', refused: 'not-allowed', wire: null };
    expect(judgePeers([{ ...refused, said: 'Communication with remote domains is not enabled' }]).sentence).toBe(
      'b@far.test: refused with "not-allowed", "Communication with remote domains is not enabled": the policy of the peer may not name this account, or a server does not let the two domains speak.',
    );
  });

  it('22: say what cannot be known, and how many were asked', () => {
    const there = { jid: 'b@far.test', address: 'b@far.test/aztm', refused: null, wire: 'http' } as const;
    expect(judgePeers([there, there], 40)).toMatchObject({
      status: 'ok',
      sentence: 'The first 2 of 40 peers answer.',
      evidence: expect.arrayContaining(['asked: the first 2 of 40']),
    });
    expect(judgePeers([there, { ...there, jid: 'lib@far.test', wire: 'aztm', isUnseen: true }])).toMatchObject({
      status: 'warn',
      sentence: expect.stringMatching(
        /^lib@far\.test is called by message.*whether it is there shows when it is called/,
      ),
    });
  });

  it('1: name a variable that nobody reads, as one with a slip of the pen is', () => {
    expect(judgeConfiguration([], 'a@b.test', ['AZTM_PASWORD'])).toMatchObject({
      status: 'warn',
      sentence: expect.stringContaining('of no effect: AZTM_PASWORD.'),
      evidence: ['AZTM_PASWORD is not known and does nothing'],
    });
    expect(judgeConfiguration([], undefined, ['AZTM_JIDD']).evidence).toEqual([
      'AZTM_JIDD is not known and does nothing',
    ]);
  });

  it('1: never call a variable that is missing one that is not valid', () => {
    const problem = { variable: 'AZTM_PASSWORD', value: '(not set)', remedy: 'set the password of the account' };
    expect(judgeConfiguration([problem], undefined).sentence).toBe(
      'AZTM_PASSWORD is not set: set the password of the account.',
    );
  });

  it('1: say how many problems there are, and show all of them', () => {
    const problem = { variable: 'AZTM_PORT', value: 'x', remedy: 'expected a number' };
    const verdict = judgeConfiguration([problem, { ...problem, variable: 'AZTM_TLS' }], undefined);
    expect(verdict.sentence).toMatch(/^AZTM_PORT is not valid.*\(2 problems in all\)$/);
    expect(verdict.evidence).toHaveLength(2);
  });
});

describe('what is shown of the wire', () => {
  it('is what went over it, without what is or proves a password', () => {
    const features =
      "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls></stream:features>";
    expect(masked(features)).toBe(features);
    expect(masked('<auth xmlns="a" mechanism="PLAIN">c2VjcmV0</auth>')).toBe(
      '<auth xmlns="a" mechanism="PLAIN">[8 characters, not shown]</auth>',
    );
    for (const name of ['response', 'challenge', 'success'])
      expect(masked(`<${name} xmlns='x'>c2VjcmV0</${name}>`)).not.toContain('c2VjcmV0');
  });
});
