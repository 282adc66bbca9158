import { describe, expect, it } from '@jest/globals';
import { prosodyConfig, storeName } from './prosody.ts';

describe('storeName', () => {
  it('names files the way Prosody looks for them', () => {
    expect(storeName('switchyard.local')).toBe('switchyard%2elocal');
    expect(storeName('al_ice-1')).toBe('al%5fice%2d1');
    expect(storeName('שלום')).toMatch(/^(%[0-9a-f]{2})+$/);
  });
});

describe('prosodyConfig', () => {
  it('never federates, never registers, listens on loopback only', () => {
    const text = prosodyConfig({ port: 20_001, dir: '/var/lib/x', domain: 'localhost' });
    expect(text).toContain('interfaces = { "127.0.0.1" }');
    expect(text).toContain('modules_disabled = { "s2s", "tls", "http", "limits" }');
    expect(text).toContain('allow_registration = false');
  });

  it('requires encryption where it has a certificate', () => {
    const tls = { certificate: '/c.pem', key: '/k.pem' };
    const text = prosodyConfig({ port: 20_001, dir: '/d', domain: 'localhost' }, { tls });
    expect(text).toContain('c2s_require_encryption = true');
    expect(text).not.toContain('allow_unencrypted_plain_auth');
  });

  it('lets a module in that is off otherwise, where it is asked for', () => {
    const text = prosodyConfig({ port: 20_001, dir: '/d', domain: 'localhost' }, { modules: ['limits'] });
    expect(text).toContain('"ping", "limits" }');
    expect(text).toContain('modules_disabled = { "s2s", "tls", "http" }');
  });

  it('sets nothing twice that is set by the caller', () => {
    const config = 'a = 1\nauthentication = "internal_hashed"';
    const text = prosodyConfig({ port: 20_001, dir: '/d', domain: 'localhost' }, { config });
    expect(text.match(/^authentication .*$/gm)).toEqual(['authentication = "internal_hashed"']);
  });

  it('cannot be broken out of by a domain with a quote', () => {
    expect(prosodyConfig({ port: 1, dir: '/d', domain: 'a" evil = "' })).toContain('VirtualHost "a\\" evil = \\""');
  });
});
