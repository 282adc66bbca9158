import { describe, expect, it } from '@jest/globals';
import { XmppStatus } from '@switchyard/contracts';
import { parseConfig } from '@switchyard/platform';
import { initialState, toStatus } from './bridge-state.ts';
import { Config } from './config.ts';

const status = (env: Record<string, string>) => {
  const parsed = parseConfig(Config, env);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return XmppStatus.parse(toStatus(parsed.value, initialState(parsed.value)));
};

describe('how the login stands', () => {
  it('is disabled without an account, and says how to enable it', () => {
    expect(status({})).toEqual({
      state: 'disabled',
      sentence: 'The AZTM login is disabled; set AZTM_JID and AZTM_PASSWORD to enable it.',
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
});
