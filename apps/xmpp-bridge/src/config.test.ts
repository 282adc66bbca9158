import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { describe, expect, it } from '@jest/globals';
import { describeConfig, parseConfig } from '@switchyard/platform';
import { type BridgeConfig, Config, unknownVariables } from './config.ts';

const LOGIN = { AZTM_JID: 'agent@example.org', AZTM_PASSWORD: 'canary-31415' };
const problems = (env: Record<string, string>) => {
  const parsed = parseConfig(Config, { BUS_TRUST: 'open', ...env });
  return parsed.ok ? [] : parsed.problems;
};
const config = (env: Record<string, string>): BridgeConfig => {
  const parsed = parseConfig(Config, { BUS_TRUST: 'open', ...env });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.value;
};

describe('configuration', () => {
  it('asks for nothing: without an account there is no login', () => {
    expect(config({})).toMatchObject({ login: undefined, required: false, serverMode: true });
    expect(config({}).serviceMap.size).toBe(0);
  });

  it('describes every variable that it reads', () => {
    for (const { variable, description } of describeConfig(Config)) expect([variable, description]).not.toContain('');
  });

  it('takes the account, and its domain from the JID', () => {
    expect(config({ ...LOGIN, AZTM_XMPP_TIMEOUT: '1.5', AZTM_TLS: 'direct' }).login).toEqual({
      jid: 'agent@example.org',
      password: 'canary-31415',
      host: undefined,
      port: undefined,
      domain: 'example.org',
      tls: 'direct',
      validateCertificate: true,
      passwordFile: undefined,
      caFile: undefined,
      allowPlain: false,
      fingerprint: undefined,
      channelBinding: 'prefer',
      resource: 'switchyard',
      timeoutMs: 1_500,
    });
  });

  it('takes the password from a file, without the line end, in place of the variable', () => {
    const dir = mkdtempSync(join(tmpdir(), 'bridge-config-'));
    const file = join(dir, 'password');
    writeFileSync(file, 'canary-31415\r\n');
    const fromFile = { AZTM_JID: LOGIN.AZTM_JID, AZTM_PASSWORD_FILE: file };
    expect(config(fromFile).login).toMatchObject({ password: 'canary-31415', passwordFile: file });
    expect(problems({ ...LOGIN, AZTM_PASSWORD_FILE: file }).map(({ variable }) => variable)).toEqual([
      'AZTM_PASSWORD_FILE',
    ]);
    writeFileSync(file, '\n');
    expect(problems(fromFile)).toMatchObject([
      { variable: 'AZTM_PASSWORD_FILE', remedy: expect.stringContaining('holds no password') },
    ]);
    rmSync(dir, { recursive: true });
    expect(problems(fromFile)).toMatchObject([
      { variable: 'AZTM_PASSWORD_FILE', remedy: expect.stringContaining('ENOENT') },
    ]);
  });

  it('judges the file of CAs by what is in it', () => {
    const dir = mkdtempSync(join(tmpdir(), 'bridge-config-'));
    const file = join(dir, 'ca.pem');
    const remedy = () => problems({ ...LOGIN, AZTM_CA_FILE: file })[0]?.remedy;
    expect(remedy()).toBe('cannot be read (ENOENT): name a file that this service may read');
    writeFileSync(file, 'no certificate');
    expect(remedy()).toBe('it holds no certificate in PEM');
    writeFileSync(file, `${rootCertificates[0]}\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`);
    expect(remedy()).toBe('certificate 2 of it is damaged: TLS would not read it');
    writeFileSync(file, rootCertificates.slice(0, 2).join('\n'));
    expect(remedy()).toBeUndefined();
    rmSync(dir, { recursive: true });
  });

  it('says of a number what it may be', () => {
    expect(problems({ AZTM_PORT: 'x', AZTM_XMPP_TIMEOUT: '0', AZTM_INLINE_LIMIT_KB: '1.5' })).toMatchObject([
      { variable: 'AZTM_PORT', remedy: 'expected a port from 1 to 65535' },
      { variable: 'AZTM_XMPP_TIMEOUT', remedy: 'expected seconds from 1 to 600' },
      { variable: 'AZTM_INLINE_LIMIT_KB', remedy: 'expected a whole number from 1 to 1024' },
    ]);
  });

  it('understands the environment of the old library as it is', () => {
    const old = config({
      ...LOGIN,
      AZTM_HOST: 'chat.example.org',
      AZTM_PORT: '5222',
      AZTM_TLS: 'starttls',
      AZTM_VALIDATE_CERT: 'true',
      AZTM_XMPP_TIMEOUT: '60',
      AZTM_LOG_LEVEL: 'DEBUG',
      SERVICE_MAP: '{"researcher.example": "researcher@example.org"}',
    });
    expect(old).toMatchObject({ logLevel: 'info', login: { tls: 'starttls', timeoutMs: 60_000 } });
    expect(old.logLevels.of['xmpp-bridge.login']).toBe('debug');
    expect(config({ ...LOGIN, LOG_LEVEL: 'DEBUG', AZTM_LOG_LEVEL: 'WARNING' })).toMatchObject({
      logLevel: 'debug',
      logLevels: { of: { 'xmpp-bridge.login': 'warn', 'xmpp-bridge.stream': 'warn' } },
    });
    expect(config({ ...LOGIN, XMPP_USE_TLS: 'true' }).login).toMatchObject({ tls: 'starttls' });
    expect(problems({ ...LOGIN, XMPP_USE_TLS: 'false' }).map(({ variable }) => variable)).toEqual(['AZTM_TLS']);
  });

  it('names what it does not know', () => {
    const env = {
      ...LOGIN,
      XMPP_URL: 'x',
      XMPP_HOST: 'h',
      AZTM_USERID: 'a@b',
      PATH: '/',
      AZTM_PASWORD: 'x',
      AZTM_MODE: 'y',
    };
    expect(unknownVariables(env)).toEqual(['AZTM_MODE', 'AZTM_PASWORD']);
  });

  it('takes what AZTM_DEFAULT_SERVICE and AZTM_LOCALHOST_SERVICE add to the map', () => {
    const more = { AZTM_DEFAULT_SERVICE: 'rest@example.org', AZTM_LOCALHOST_SERVICE: 'aztm:dev@example.org' };
    expect([...config(more).serviceMap.keys()]).toEqual(['localhost', '127.0.0.1', '[::1]', '*']);
    const own = { ...LOGIN, AZTM_DEFAULT_SERVICE: LOGIN.AZTM_JID };
    expect(problems(own)).toMatchObject([{ variable: 'SERVICE_MAP', remedy: expect.stringContaining('a loop') }]);
  });

  it('maps the legacy names, the new name winning', () => {
    const legacy = { ...LOGIN, XMPP_HOST: 'old.example.org', XMPP_PORT: '5223', XMPP_DOMAIN: 'Example.org' };
    expect(config(legacy).login).toMatchObject({ host: 'old.example.org', port: 5223, domain: 'example.org' });
    expect(config({ ...legacy, AZTM_HOST: 'new.example.org' }).login).toMatchObject({ host: 'new.example.org' });
    expect(config({ AZTM_USERID: 'agent@example.org', AZTM_PASSWORD: 'x' }).login).toMatchObject({
      jid: 'agent@example.org',
    });
    expect([...config({ AZTM_SERVICE_MAP: '{"a.example": "a@example.org"}' }).serviceMap.keys()]).toEqual([
      'a.example',
    ]);
  });

  it('takes AZTM_USERID before AZTM_JID, and gives a user alone the domain', () => {
    const jid = (env: Record<string, string>) => config({ ...LOGIN, ...env }).login?.jid;
    expect(jid({ AZTM_USERID: 'other@example.com' })).toBe('other@example.com');
    expect(jid({ AZTM_USERID: 'other', AZTM_DOMAIN: 'example.net' })).toBe('other@example.net');
    expect(jid({ AZTM_USERID: 'other', XMPP_DOMAIN: 'example.net' })).toBe('other@example.net');
    expect(problems({ ...LOGIN, AZTM_USERID: 'other' })).toEqual([
      { variable: 'AZTM_USERID', value: 'other', remedy: 'has no domain: write user@domain, or set AZTM_DOMAIN' },
    ]);
    const loop = { AZTM_USERID: 'other@example.com', SERVICE_MAP: '{"a.example": "other@example.com"}' };
    expect(problems({ ...LOGIN, ...loop })).toMatchObject([{ variable: 'SERVICE_MAP' }]);
  });

  it('takes AZTM_REQUIRE_TLS as the old library means it: never in clear text, and no less than that without it', () => {
    const local = { ...LOGIN, AZTM_TLS: 'off', AZTM_HOST: '127.0.0.1' };
    expect(problems({ ...local, AZTM_REQUIRE_TLS: 'True' })).toEqual([
      { variable: 'AZTM_REQUIRE_TLS', value: 'True', remedy: expect.stringContaining('AZTM_TLS=off forbids it') },
    ]);
    expect(config({ ...LOGIN, AZTM_REQUIRE_TLS: '1' }).login?.tls).toBe('auto');
    expect(config({ ...LOGIN, AZTM_REQUIRE_TLS: 'false' }).login?.tls).toBe('auto');
  });

  it.each<[string, Record<string, string>, string]>([
    ['a user with a resource', { AZTM_USERID: 'a@b/c', AZTM_PASSWORD: 'x' }, 'AZTM_USERID'],
    ['a flag that is neither', { ...LOGIN, AZTM_REQUIRE_TLS: 'perhaps' }, 'AZTM_REQUIRE_TLS'],
    ['a JID with a resource', { ...LOGIN, AZTM_JID: 'agent@example.org/work' }, 'AZTM_JID'],
    ['a JID without a user', { ...LOGIN, AZTM_JID: 'example.org' }, 'AZTM_JID'],
    ['an account without a password', { AZTM_JID: 'agent@example.org' }, 'AZTM_PASSWORD'],
    ['a password without an account', { AZTM_PASSWORD: 'canary-31415' }, 'AZTM_JID'],
    ['a required login without an account', { AZTM_REQUIRED: 'true' }, 'AZTM_JID'],
    ['a domain that is not that of the JID', { ...LOGIN, AZTM_DOMAIN: 'xmpp.example.org' }, 'AZTM_DOMAIN'],
    ['clear text to another machine', { ...LOGIN, AZTM_TLS: 'off', AZTM_HOST: 'example.org' }, 'AZTM_TLS'],
    ['clear text to whatever DNS says', { ...LOGIN, AZTM_TLS: 'off' }, 'AZTM_TLS'],
    [
      'PLAIN without a checked certificate',
      { ...LOGIN, AZTM_ALLOW_PLAIN: 'true', AZTM_VALIDATE_CERT: 'false' },
      'AZTM_ALLOW_PLAIN',
    ],
    ['PLAIN in clear text', { ...LOGIN, AZTM_ALLOW_PLAIN: 'true', AZTM_TLS: 'off' }, 'AZTM_ALLOW_PLAIN'],
    ['a CA file that is not there', { ...LOGIN, AZTM_CA_FILE: '/nowhere/ca.pem' }, 'AZTM_CA_FILE'],
    ['a time limit of nothing', { ...LOGIN, AZTM_XMPP_TIMEOUT: '0' }, 'AZTM_XMPP_TIMEOUT'],
    ['a flag that is neither', { AZTM_SERVER_MODE: 'perhaps' }, 'AZTM_SERVER_MODE'],
    ['a map that leads to ourselves', { ...LOGIN, SERVICE_MAP: '{"a.example": "Agent@Example.org/x"}' }, 'SERVICE_MAP'],
    ['a map that is no JSON', { SERVICE_MAP: '{"a.example": ' }, 'SERVICE_MAP'],
    ['a map to what is no JID', { SERVICE_MAP: '{"a.example": "nobody"}' }, 'SERVICE_MAP'],
    ['a map that names a host twice', { SERVICE_MAP: '{"a.example": "a@b.c", "A.EXAMPLE": "d@e.f"}' }, 'SERVICE_MAP'],
  ])('refuses %s, naming the variable and what to do', (_name, env, variable) => {
    const found = problems(env);
    expect(found.map((problem) => problem.variable)).toContain(variable);
    expect(found.every(({ remedy }) => remedy.length > 10)).toBe(true);
  });

  it.each([
    ['[::1]', /IPv6 address without brackets/],
    ['127.0.0.1:25222', /without a port: that is AZTM_PORT/],
    ['xmpp.example.org:5222', /without a port: that is AZTM_PORT/],
  ])('says of the server %s what is wrong with it', (host, remedy) => {
    expect(problems({ ...LOGIN, AZTM_HOST: host })).toMatchObject([
      { variable: 'AZTM_HOST', remedy: expect.stringMatching(remedy) },
    ]);
    expect(problems({ ...LOGIN, AZTM_HOST: '::1' })).toEqual([]);
  });

  it('shows a JID and a map as they were written: neither holds a secret', () => {
    const shown = problems({ ...LOGIN, AZTM_JID: 'agent@example.org/x', SERVICE_MAP: `{'a.example': 'a@b.c'}` });
    expect(shown.map(({ value }) => value)).toEqual(
      expect.arrayContaining(['agent@example.org/x', `{'a.example': 'a@b.c'}`]),
    );
  });

  it('says where a map is no JSON', () => {
    expect(problems({ SERVICE_MAP: '{"a.example": oops}' })).toMatchObject([
      { remedy: expect.stringMatching(/line 1, column 15.*nothing was loaded/) },
    ]);
  });

  it('reports every problem at once, those between variables too', () => {
    const all = problems({
      AZTM_JID: 'agent@example.org',
      AZTM_DOMAIN: 'example.com',
      AZTM_PORT: '99999',
      AZTM_TLS: 'off',
      AZTM_ALLOW_PLAIN: 'true',
      AZTM_SERVER_MODE: 'perhaps',
      SERVICE_MAP: '{"a.example": "agent@example.org"}',
    });
    expect(all.map((problem) => problem.variable).sort()).toEqual([
      'AZTM_ALLOW_PLAIN',
      'AZTM_DOMAIN',
      'AZTM_PASSWORD',
      'AZTM_PORT',
      'AZTM_SERVER_MODE',
      'AZTM_TLS',
      'SERVICE_MAP',
    ]);
  });

  it('does not judge between variables where one of them is wrong for itself', () => {
    expect(problems({ ...LOGIN, AZTM_TLS: 'maybe', AZTM_JID: '@' }).map(({ variable }) => variable)).toEqual([
      'AZTM_JID',
      'AZTM_TLS',
    ]);
  });

  it('never shows a password', () => {
    for (const env of [
      { AZTM_PASSWORD: 'canary-31415' },
      { ...LOGIN, AZTM_JID: '@', AZTM_PASSWORD: 'canary'.repeat(999) },
    ])
      expect(JSON.stringify(problems(env))).not.toContain('canary');
  });
});
