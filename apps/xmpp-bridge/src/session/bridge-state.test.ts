import { describe, expect, it } from '@jest/globals';
import { XmppStatus } from '@switchyard/contracts';
import { parseConfig } from '@switchyard/platform';
import { type BridgeState, evolveBridge, initialState, toStatus } from './bridge-state.ts';
import { loginFailure } from '../login/failure.ts';
import { Config } from '../config.ts';

const status = (env: Record<string, string>) => {
  const parsed = parseConfig(Config, { BUS_TRUST: 'open', ...env });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return XmppStatus.parse(toStatus(parsed.value, initialState(parsed.value)));
};

describe('how the login stands', () => {
  it('is disabled without an account, and says how to enable it', () => {
    expect(status({})).toEqual({
      state: 'disabled',
      sentence:
        'The AZTM login is disabled; set AZTM_USERID (or AZTM_JID) and AZTM_PASSWORD (or AZTM_PASSWORD_FILE) to enable it.',
      required: false,
      serverMode: true,
      mappedHosts: [],
    });
  });

  it('does not claim to be online before there is a login', () => {
    expect(status({ AZTM_JID: 'agent@example.org', AZTM_PASSWORD: 'canary-31415', AZTM_REQUIRED: 'true' })).toEqual({
      state: 'offline',
      sentence: 'The AZTM login for agent@example.org has not been tried yet.',
      jid: 'agent@example.org',
      required: true,
      serverMode: true,
      mappedHosts: [],
    });
  });

  it('tells the hosts of the map, not whom they lead to, and never a password', () => {
    const told = status({
      AZTM_JID: 'agent@example.org',
      AZTM_PASSWORD: 'canary-31415',
      SERVICE_MAP: '{"B.example:8080": "b@example.org", "a.example": "a@example.org"}',
    });
    expect(told.mappedHosts).toEqual(['a.example', 'b.example:8080']);
    expect(JSON.stringify(told)).not.toMatch(/canary|b@example\.org/);
  });

  it('is told within what the contract allows, whatever the JID', () => {
    const told = status({ AZTM_JID: `${'a'.repeat(1_023)}@${'b'.repeat(1_023)}`, AZTM_PASSWORD: 'x' });
    expect(told.state).toBe('offline');
  });

  describe('as a whole', () => {
    const parsed = parseConfig(Config, {
      BUS_TRUST: 'open',
      AZTM_JID: 'agent@example.org',
      AZTM_PASSWORD: 'canary-31415',
    });
    if (!parsed.ok) throw new Error('configuration');
    const config = parsed.value;
    const online = (jid: string): BridgeState =>
      evolveBridge(initialState(config), { type: 'online', jid, how: 'TLSv1.3', now: 0 });
    const own = online('agent@example.org/own');

    it('is online where the own login stands and another replica serves, or this one does', () => {
      expect(toStatus(config, own, { role: 'standby' })).toMatchObject({
        state: 'online',
        serving: false,
        sentence: expect.stringMatching(/Another replica takes what peers ask\.$/),
      });
      expect(toStatus(config, own, { role: 'serving', state: online('agent@example.org/aztm') })).toMatchObject({
        state: 'online',
        serving: true,
        sentence: expect.stringMatching(/This replica takes what peers ask\.$/),
      });
    });

    it('is not online before it is known who serves, nor before the one that serves can be reached', () => {
      expect(toStatus(config, own, { role: 'settling' })).toMatchObject({ state: 'binding', serving: false });
      const failure = loginFailure('REPLACED', 'binding a resource', 'Somebody took it.');
      const failed = evolveBridge(initialState(config), { type: 'failed', failure });
      expect(toStatus(config, own, { role: 'serving', state: failed })).toMatchObject({
        state: 'failed',
        serving: false,
        sentence: 'Somebody took it.',
      });
    });
  });
});
