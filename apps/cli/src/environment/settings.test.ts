import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { refuseOpenIdentity } from './identity-rule.ts';
import { workspaceOf } from './workspace.ts';
import { settingsKey } from './settings-key.ts';
import { changedSettings, settingsOf, unmentionedSettings, withReaders } from './settings.ts';
import { reasonToRestart } from '../stack/stack.ts';

const key = Buffer.alloc(32, 1);
const root = mkdtempSync(join(tmpdir(), 'switchyard-settings-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe('the settings of a running stack', () => {
  it('differ where this call names another value, and only there', () => {
    const running = settingsOf({ JWT_ISSUER: 'one', LOG_LEVEL: 'debug' }, key);
    expect(changedSettings(running, settingsOf({}, key))).toEqual([]);
    expect(changedSettings(running, settingsOf({ JWT_ISSUER: 'one' }, key))).toEqual([]);
    expect(changedSettings(running, settingsOf({ JWT_ISSUER: 'two', CORS_ORIGINS: '*' }, key))).toEqual([
      'JWT_ISSUER',
      'CORS_ORIGINS',
    ]);
    expect(unmentionedSettings(running, settingsOf({ LOG_LEVEL: 'debug' }, key))).toEqual(['JWT_ISSUER']);
  });

  it('are kept so that whoever guesses a value learns nothing without the key of the clone', () => {
    const [kept] = Object.values(settingsOf({ AZTM_PASSWORD: 'guessed' }, key));
    const [other] = Object.values(settingsOf({ AZTM_PASSWORD: 'guessed' }, Buffer.alloc(32, 2)));
    expect(kept).not.toBe(other);
    for (const encoding of ['hex', 'base64url'] as const)
      for (const text of ['guessed', 'AZTM_PASSWORD=guessed'])
        expect(createHash('sha256').update(text).digest(encoding)).not.toContain(kept!.slice(0, 8));
    // The same value under two names does not show that it is the same.
    const two = settingsOf({ AZTM_PASSWORD: 'same', VAULT_KEYS: 'same' }, key);
    expect(two['AZTM_PASSWORD']).not.toBe(two['VAULT_KEYS']);
  });

  it('have a key that is made once and read by its owner only', () => {
    const workspace = workspaceOf(root);
    const made = settingsKey(workspace);
    expect(settingsKey(workspace)).toEqual(made);
    expect(statSync(join(workspace.state, 'settings.key')).mode & 0o777).toBe(0o600);
    writeFileSync(join(workspace.state, 'settings.key'), 'cut');
    expect(settingsKey(workspace)).toHaveLength(32);
  });

  it('are told with who reads them', () => {
    expect(withReaders(['JWT_ISSUER', 'LOG_LEVEL', 'GATEWAY_HOST', 'X_TOKEN'], ['X_TOKEN'])).toBe(
      'JWT_ISSUER (gateway), LOG_LEVEL (every service), GATEWAY_HOST (the whole stack), X_TOKEN (mcp-tool)',
    );
  });
});

describe('a call for other settings than the stack has', () => {
  const difference = { changed: ['EDGE_SHARED_SECRET'], unmentioned: ['JWT_ISSUER'] };

  it('is refused by name with exit code 78, and says how to apply them', () => {
    const refused = expect(() => reasonToRestart(difference, false, { apply: false }));
    refused.toThrow(/EDGE_SHARED_SECRET.*up --apply/);
    refused.toThrow(expect.objectContaining({ exitCode: 78 }));
  });

  it('starts the stack again with --apply, and says which settings are gone', () => {
    expect(reasonToRestart(difference, false, { apply: true })).toBe(
      'EDGE_SHARED_SECRET changed; JWT_ISSUER no longer set',
    );
  });

  it('is none where it only leaves settings out; a new build starts the stack again by itself', () => {
    const same = { changed: [], unmentioned: ['JWT_ISSUER'] };
    expect(reasonToRestart(same, false, { apply: false })).toBeUndefined();
    expect(reasonToRestart(same, true, { apply: false })).toBe('the sources changed');
    expect(reasonToRestart({ changed: [], unmentioned: [] }, false, { apply: true })).toBeUndefined();
  });
});

describe('the development identity', () => {
  it.each([
    { NODE_ENV: 'production' },
    { NODE_ENV: 'production', IDENTITY_MODE: 'dev' },
    { GATEWAY_HOST: '0.0.0.0' },
    { GATEWAY_HOST: '::' },
    { GATEWAY_HOST: '192.168.1.7', IDENTITY_MODE: 'dev' },
    { GATEWAY_HOST: '127.0.0.1.example.org' },
  ])('is refused for production and for a network: %j', (given) => {
    const refused = expect(() => refuseOpenIdentity(given));
    refused.toThrow(/development one, which believes everybody/);
    refused.toThrow(expect.objectContaining({ exitCode: 78 }));
  });

  it.each([
    {},
    { GATEWAY_HOST: 'localhost' },
    { GATEWAY_HOST: '127.1.2.3' },
    { GATEWAY_HOST: '[::1]' },
    { NODE_ENV: 'production', IDENTITY_MODE: 'jwt' },
    { GATEWAY_HOST: '0.0.0.0', IDENTITY_MODE: 'edge' },
  ])('is no obstacle on this machine, nor where another is chosen: %j', (given) => {
    expect(() => refuseOpenIdentity(given)).not.toThrow();
  });
});
