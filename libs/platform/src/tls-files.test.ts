import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { parseConfig } from './config.ts';
import { readTlsFiles, tlsFilesOf, tlsVariables } from './tls-files.ts';
import { tlsRefusal } from './tls-refusal.ts';

const Config = z.object(tlsVariables('NATS')).transform((env, context) => ({ tls: tlsFilesOf('NATS', env, context) }));

describe('the files of TLS', () => {
  it('are off where none is named', () => {
    expect(parseConfig(Config, {})).toEqual({ ok: true, value: { tls: undefined } });
  });

  it('are all named in the complaint where they cannot be used', () => {
    const parsed = parseConfig(Config, { NATS_TLS_CA_FILE: '/none/ca.pem', NATS_TLS_CERT_FILE: '/none/cert.pem' });
    const problems = parsed.ok ? [] : parsed.problems.map(({ variable, remedy }) => `${variable}: ${remedy}`);
    expect(problems).toEqual([
      'NATS_TLS_CA_FILE: /none/ca.pem cannot be read (ENOENT): name a PEM file that this service may read',
      'NATS_TLS_KEY_FILE: a certificate needs its key: name the file',
    ]);
  });

  it('never show a certificate to a server that nobody vouches for', () => {
    const parsed = parseConfig(Config, { NATS_TLS_CERT_FILE: '/a', NATS_TLS_KEY_FILE: '/b' });
    expect(parsed.ok ? [] : parsed.problems.map(({ variable }) => variable)).toEqual(['NATS_TLS_CA_FILE']);
  });

  it('are refused where they hold no certificate', () => {
    expect(readTlsFiles({ ca: '/dev/null' })).toEqual({
      troubles: [{ part: 'CA', sentence: '/dev/null holds no certificate in PEM form' }],
    });
  });
});

describe('a refusal by TLS', () => {
  it('is told by what to look at, also where another error wraps it', () => {
    const inner = Object.assign(new Error('x'), { code: 'SELF_SIGNED_CERT_IN_CHAIN' });
    expect(tlsRefusal(new Error('outer', { cause: inner }))).toMatch(/\*_TLS_CA_FILE/);
    expect(tlsRefusal({ code: 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED' })).toMatch(/wants a certificate of ours/);
    expect(tlsRefusal({ code: 'ECONNREFUSED' })).toBeUndefined();
  });
});
