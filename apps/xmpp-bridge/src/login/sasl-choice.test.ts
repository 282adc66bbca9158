import { describe, expect, it } from '@jest/globals';
import { chooseSasl, type SaslPolicy } from './sasl-choice.ts';

const exporter = { type: 'tls-exporter', data: Buffer.from('e') } as const;
const unique = { type: 'tls-unique', data: Buffer.from('u') } as const;
const ALL = ['SCRAM-SHA-1', 'SCRAM-SHA-256', 'SCRAM-SHA-512'];
const PLUS = [...ALL, ...ALL.map((name) => `${name}-PLUS`)];
const policy = (over: Partial<SaslPolicy> = {}): SaslPolicy => ({
  binding: 'prefer',
  allowPlain: false,
  verifiedTls: true,
  tlsVersion: 'TLSv1.3',
  bindings: [exporter],
  ...over,
});
const offer = (mechanisms: string[], bindingTypes: string[] = []) => ({ mechanisms, bindingTypes });

describe('the choice of a mechanism', () => {
  it('is the strongest SCRAM that is offered', () => {
    expect(chooseSasl(offer(ALL), policy())).toMatchObject({ mechanism: 'SCRAM-SHA-512' });
    expect(chooseSasl(offer(['PLAIN', 'SCRAM-SHA-1']), policy({ allowPlain: true }))).toMatchObject({
      mechanism: 'SCRAM-SHA-1',
    });
  });

  it('binds to the channel where the server names a type that we have', () => {
    expect(chooseSasl(offer(PLUS, ['tls-exporter']), policy())).toMatchObject({
      wireName: 'SCRAM-SHA-512-PLUS',
      binding: { how: 'bound', with: exporter },
    });
  });

  it('binds to tls-unique where nothing is named and TLS is 1.2, and to nothing under 1.3', () => {
    const under12 = policy({ tlsVersion: 'TLSv1.2', bindings: [unique] });
    expect(chooseSasl(offer(PLUS), under12)).toMatchObject({ binding: { how: 'bound', with: unique } });
    expect(chooseSasl(offer(PLUS), policy())).toMatchObject({ wireName: 'SCRAM-SHA-512', binding: { how: 'none' } });
  });

  it('tells a server that offers no binding that there could be one', () => {
    expect(chooseSasl(offer(ALL), policy())).toMatchObject({ binding: { how: 'possible' } });
    expect(chooseSasl(offer(ALL), policy({ binding: 'off' }))).toMatchObject({ binding: { how: 'none' } });
  });

  it('goes without binding nowhere that it is required', () => {
    expect(chooseSasl(offer(ALL), policy({ binding: 'require' }))).toEqual({ kind: 'none', why: 'binding_required' });
  });

  it('is PLAIN only by consent and over checked TLS', () => {
    const plain = offer(['PLAIN']);
    expect(chooseSasl(plain, policy())).toEqual({ kind: 'none', why: 'plain_refused' });
    expect(chooseSasl(plain, policy({ allowPlain: true, verifiedTls: false }))).toMatchObject({ kind: 'none' });
    expect(chooseSasl(plain, policy({ allowPlain: true }))).toEqual({ kind: 'plain' });
    expect(chooseSasl(offer(['X-OAUTH2']), policy({ allowPlain: true }))).toMatchObject({ why: 'nothing_in_common' });
  });
});
