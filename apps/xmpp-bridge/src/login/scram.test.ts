import { describe, expect, it } from '@jest/globals';
import { type Binding, clientFirst, prove, provesServer, ScramError, type ScramName } from './scram.ts';

const NONE: Binding = { how: 'none' };
const start = (mechanism: ScramName, nonce: string, binding: Binding = NONE) => ({
  mechanism,
  user: 'user',
  nonce,
  binding,
});

describe('SCRAM', () => {
  // The examples of RFC 5802 §5 and RFC 7677 §3.
  it.each([
    [
      'SCRAM-SHA-1',
      'fyko+d2lbbFgONRv9qkxdawL',
      'r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096',
      'v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=',
      'rmF9pqV8S7suAoZWja4dJRkFsKQ=',
    ],
    [
      'SCRAM-SHA-256',
      'rOprNGfwEbeRWgbNEkqO',
      'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
      'dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
      '6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
    ],
  ] as const)('%s gives the proof of its RFC', async (mechanism, nonce, challenge, proof, signature) => {
    const given = start(mechanism, nonce);
    expect(clientFirst(given)).toBe(`n,,n=user,r=${nonce}`);
    const proved = await prove(given, 'pencil', challenge);
    expect(proved.clientFinal.endsWith(`,p=${proof}`)).toBe(true);
    expect(proved.serverSignature).toBe(signature);
    expect(provesServer(`v=${signature}`, signature)).toBe(true);
  });

  it('names the channel binding that it uses, could use, or does not have', () => {
    const bound: Binding = { how: 'bound', with: { type: 'tls-exporter', data: Buffer.from('x') } };
    expect(clientFirst(start('SCRAM-SHA-256', 'n', bound))).toMatch(/^p=tls-exporter,,/);
    expect(clientFirst(start('SCRAM-SHA-256', 'n', { how: 'possible' }))).toMatch(/^y,,/);
    expect(clientFirst(start('SCRAM-SHA-256', 'n'))).toMatch(/^n,,/);
  });

  it('escapes a user name that would end its field', () => {
    expect(clientFirst({ ...start('SCRAM-SHA-1', 'n'), user: 'a,b=c' })).toBe('n,,n=a=2Cb=3Dc,r=n');
  });

  it.each([
    ['of another nonce', 'r=other,s=QSXCR+Q6sek8bf92,i=4096'],
    ['that does not add to the nonce', 'r=nonce,s=QSXCR+Q6sek8bf92,i=4096'],
    ['with too few iterations', 'r=nonceX,s=QSXCR+Q6sek8bf92,i=1'],
    ['that would take minutes', 'r=nonceX,s=QSXCR+Q6sek8bf92,i=999999999'],
    ['that is none', 'hello'],
    ['with a mandatory extension', 'm=x,r=nonceX,s=QSXCR+Q6sek8bf92,i=4096'],
  ])('refuses a challenge %s', async (_name, challenge) => {
    await expect(prove(start('SCRAM-SHA-256', 'nonce'), 'pw', challenge)).rejects.toBeInstanceOf(ScramError);
  });

  it.each(['', 'v=', 'v=AAAA', 'e=other-error', 'x'])('takes %j for no proof of the server', (final) => {
    expect(provesServer(final, '6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=')).toBe(false);
  });
});
