import { describe, expect, it } from '@jest/globals';
import { parseConfig } from '@switchyard/platform';
import { initialState, toStatus } from './bridge-state.ts';
import { type BridgeConfig, Config } from './config.ts';

const LOGIN = { AZTM_JID: 'agent@example.org', AZTM_PASSWORD: 'canary-31415' };
const problems = (env: Record<string, string>) => {
  const parsed = parseConfig(Config, env);
  return parsed.ok ? [] : parsed.problems;
};
const config = (env: Record<string, string>): BridgeConfig => {
  const parsed = parseConfig(Config, env);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.value;
};

describe('configuration', () => {
  it('is disabled without an account, and says how to enable it', () => {
    const bare = config({});
    expect(toStatus(bare, initialState(bare))).toMatchObject({
      state: 'disabled',
      sentence: expect.stringContaining('AZTM_JID'),
    });
  });

  it('does not claim to be online before there is a login', () => {
    const login = config(LOGIN);
    expect(initialState(login)).toMatchObject({
      state: 'offline',
      sentence: expect.stringContaining('does not connect yet'),
    });
  });

  it('maps the legacy names, the new name winning', () => {
    expect(config({ ...LOGIN, XMPP_HOST: 'old.example.org' }).login).toMatchObject({ host: 'old.example.org' });
    expect(config({ ...LOGIN, XMPP_HOST: 'old.example.org', AZTM_HOST: 'new.example.org' }).login).toMatchObject({
      host: 'new.example.org',
    });
    expect(config({ AZTM_USERID: 'agent@example.org', AZTM_PASSWORD: 'x' }).login).toMatchObject({
      jid: 'agent@example.org',
      domain: 'example.org',
    });
  });

  it.each([
    ['a JID with a resource', { ...LOGIN, AZTM_JID: 'agent@example.org/work' }, 'AZTM_JID'],
    ['an account without a password', { AZTM_JID: 'agent@example.org' }, 'AZTM_PASSWORD'],
    ['a required login without an account', { AZTM_REQUIRED: 'true' }, 'AZTM_JID'],
    ['clear text to another machine', { ...LOGIN, AZTM_TLS: 'off', AZTM_HOST: 'example.org' }, 'AZTM_TLS'],
    [
      'PLAIN without a checked certificate',
      { ...LOGIN, AZTM_ALLOW_PLAIN: 'true', AZTM_VALIDATE_CERT: 'false' },
      'AZTM_ALLOW_PLAIN',
    ],
    ['a map that leads to ourselves', { ...LOGIN, SERVICE_MAP: '{"a.example": "agent@example.org"}' }, 'SERVICE_MAP'],
    ['a map that is no JSON', { SERVICE_MAP: '{"a.example": ' }, 'SERVICE_MAP'],
  ])('refuses %s, naming the variable', (_name, env, variable) => {
    expect(problems(env as unknown as Record<string, string>).map((problem) => problem.variable)).toContain(variable);
  });

  it('reports every problem at once and never shows a password', () => {
    const all = problems({ ...LOGIN, AZTM_PORT: '99999', AZTM_TLS: 'maybe' });
    expect(all.map((problem) => problem.variable)).toEqual(expect.arrayContaining(['AZTM_PORT', 'AZTM_TLS']));
    expect(JSON.stringify(problems({ AZTM_PASSWORD: 'canary-31415' }))).not.toContain('canary');
  });
});
