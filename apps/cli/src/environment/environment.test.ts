import { describe, expect, it } from '@jest/globals';
import { parseReplicas, replicaNames, serviceEnvironment, type StackAddresses } from './environment.ts';

const stack: StackAddresses = {
  root: '/clone',
  accessOf: (app) => ({
    NATS_URL: `nats://${app}:own@127.0.0.1:20001`,
    ...(app === 'audit' ? { DATABASE_URL: 'postgresql://audit@127.0.0.1:20002/switchyard' } : {}),
    ...(app === 'gateway' ? { REDIS_URL: 'redis://gateway:own@127.0.0.1:20003' } : {}),
  }),
  opsToken: 'token-of-the-clone',
  signingKeys: 'clone:key-of-the-clone',
  namedVariables: ['UPSTREAM_TOKEN'],
  gateway: { host: '127.0.0.1', port: 8000 },
  devModelPort: 20_004,
  mockA2aPort: 20_005,
};

describe('serviceEnvironment', () => {
  it('points the orchestrator at the development model where there is no key', () => {
    const env = serviceEnvironment('orchestrator', 20_010, stack, {});
    expect(env).toMatchObject({
      OPENAI_BASE_URL: 'http://127.0.0.1:20004/v1',
      OPENAI_API_KEY: 'dev',
      OPS_PORT: '20010',
    });
    expect(env['EGRESS_ALLOW_HOSTS']).toBe('127.0.0.1:20004,127.0.0.1:20005');
  });

  it('leaves the person’s model alone', () => {
    const { devModelPort: _, ...own } = stack;
    const env = serviceEnvironment('orchestrator', 1, own, {
      OPENAI_API_KEY: 'sk-own',
      OPENAI_BASE_URL: 'https://models.example/v1',
    });
    expect(env).toMatchObject({ OPENAI_API_KEY: 'sk-own', OPENAI_BASE_URL: 'https://models.example/v1' });
    expect(env['EGRESS_ALLOW_HOSTS']).toBe('models.example,127.0.0.1:20005');
  });

  it('shows a secret only to the app that uses it', () => {
    const given = { OPENAI_API_KEY: 'sk', MOCK_WEATHER_TOOL_API_KEY: 'weather', AZTM_PASSWORD: 'jid' };
    const seenBy = (name: string): string[] =>
      (['gateway', 'orchestrator', 'mcp-tool', 'a2a', 'audit', 'xmpp-bridge'] as const).filter(
        (app) => name in serviceEnvironment(app, 1, { ...stack, devModelPort: undefined } as StackAddresses, given),
      );
    expect(seenBy('OPENAI_API_KEY')).toEqual(['orchestrator']);
    expect(seenBy('MOCK_WEATHER_TOOL_API_KEY')).toEqual(['mcp-tool']);
    expect(seenBy('AZTM_PASSWORD')).toEqual(['xmpp-bridge']);
  });

  it('keeps NODE_ENV as the person set it, in every identity mode', () => {
    expect(serviceEnvironment('gateway', 1, stack, { NODE_ENV: 'production' })['NODE_ENV']).toBe('production');
    expect(serviceEnvironment('audit', 1, stack, { NODE_ENV: 'production' })['NODE_ENV']).toBe('production');
    expect(serviceEnvironment('gateway', 1, stack, {})['NODE_ENV']).toBe('development');
  });

  it('keeps the port for operations on this machine and its metrics behind a token', () => {
    const env = serviceEnvironment('a2a', 1, stack, { OPS_HOST: '0.0.0.0' });
    expect(env).toMatchObject({ OPS_HOST: '127.0.0.1', OPS_TOKEN: 'token-of-the-clone' });
    expect(serviceEnvironment('a2a', 1, stack, { OPS_TOKEN: 'of-the-person-1234' })['OPS_TOKEN']).toBe(
      'of-the-person-1234',
    );
  });

  it('gives each service its own access to the servers, and never the person’s own URL or keys in passing', () => {
    const given = { DATABASE_URL: 'postgresql://owner@db/all', REDIS_URL: 'redis://cache', BUS_KEYS: 'theirs' };
    expect(serviceEnvironment('audit', 1, stack, given)['DATABASE_URL']).toBe(
      'postgresql://audit@127.0.0.1:20002/switchyard',
    );
    expect(serviceEnvironment('a2a', 1, stack, given)['DATABASE_URL']).toBeUndefined();
    expect(serviceEnvironment('a2a', 1, stack, given)['REDIS_URL']).toBeUndefined();
    expect(serviceEnvironment('gateway', 1, stack, given)['REDIS_URL']).toBe('redis://gateway:own@127.0.0.1:20003');
    expect(serviceEnvironment('a2a', 1, stack, given)['BUS_KEYS']).toBeUndefined();
  });

  it('prefers what the person set to a development default', () => {
    expect(serviceEnvironment('gateway', 1, stack, { IDENTITY_MODE: 'jwt' })['IDENTITY_MODE']).toBe('jwt');
    expect(serviceEnvironment('gateway', 1, stack, {})['IDENTITY_MODE']).toBe('dev');
    expect(serviceEnvironment('audit', 1, stack, { LOG_TREE_DIR: '/elsewhere' })['LOG_TREE_DIR']).toBe('/elsewhere');
    expect(serviceEnvironment('mcp-tool', 1, stack, { EGRESS_ALLOW_HOSTS: 'x.example' })['EGRESS_ALLOW_HOSTS']).toMatch(
      /^x\.example,/,
    );
  });
});

describe('the XMPP login of the quick start', () => {
  const login = { AZTM_JID: 'switchyard@localhost', AZTM_PASSWORD: 'pw', AZTM_HOST: '127.0.0.1' };
  const withLogin = { ...stack, xmppLogin: login };
  const bridge = (given: Record<string, string>) => serviceEnvironment('xmpp-bridge', 1, withLogin, given);
  const a2a = (given: Record<string, string>) => serviceEnvironment('a2a', 1, withLogin, given);

  it('is the bridge’s alone, and every service knows the partner’s host as one that is mapped', () => {
    expect(bridge({})).toMatchObject(login);
    expect(a2a({})['AZTM_PASSWORD']).toBeUndefined();
    expect(JSON.parse(a2a({})['SERVICE_MAP']!)).toEqual({ 'partner.localhost': 'partner@localhost' });
    expect(JSON.parse(bridge({})['SERVICE_MAP']!)).toEqual({ 'partner.localhost': 'partner@localhost' });
    expect(JSON.parse(a2a({})['A2A_AGENTS']!)).toContainEqual({ url: 'http://partner.localhost', optional: true });
  });

  it.each<Record<string, string>>([{ AZTM_JID: 'me@example.org' }, { XMPP_HOST: 'xmpp.example' }])(
    'gives way to that of the person: %j',
    (given) => {
      expect(bridge(given)['AZTM_PASSWORD']).toBeUndefined();
      expect(bridge(given)['SERVICE_MAP']).toBeUndefined();
      expect(a2a(given)['A2A_AGENTS']).not.toContain('partner');
    },
  );

  it('leaves the person’s map and agents as they are', () => {
    const given = { SERVICE_MAP: '{"a.example":"a@example.org"}', A2A_AGENTS: 'https://a.example' };
    expect(bridge(given)).toMatchObject({ ...login, SERVICE_MAP: given.SERVICE_MAP });
    expect(a2a(given)).toMatchObject(given);
    expect(a2a({ SERVICE_MAP: given.SERVICE_MAP })['A2A_AGENTS']).not.toContain('partner');
  });

  it('is not there where the XMPP server is not ours', () => {
    expect(serviceEnvironment('xmpp-bridge', 1, stack, {})['AZTM_JID']).toBeUndefined();
    expect(serviceEnvironment('a2a', 1, stack, {})['SERVICE_MAP']).toBeUndefined();
  });
});

describe('replicas', () => {
  it('are named after their app, from the second one with a number', () => {
    expect(replicaNames('orchestrator', 3)).toEqual(['orchestrator', 'orchestrator-2', 'orchestrator-3']);
  });

  it('are read from one text, and a mistake in it is said', () => {
    expect(parseReplicas('orchestrator=2, audit=1')).toEqual({ orchestrator: 2, audit: 1 });
    expect(parseReplicas(undefined)).toEqual({});
    expect(() => parseReplicas('orchestra=2')).toThrow(/got "orchestra=2"/);
    expect(() => parseReplicas('gateway=2')).toThrow(/one of it/);
  });
});
