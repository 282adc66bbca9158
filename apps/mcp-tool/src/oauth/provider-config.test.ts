import { describe, expect, it } from '@jest/globals';
import { parseProviders } from './provider-config.ts';

const read = (name: string) => (name === 'MAIL_CLIENT_SECRET' ? 'shh' : undefined);
const linesOf = (text: string) => {
  const parsed = parseProviders(text, read);
  return 'mistakes' in parsed ? parsed.mistakes.map(({ line, message }) => `${line} ${message}`) : [];
};

describe('the file of providers', () => {
  it('is read with the secrets that the environment has', () => {
    const parsed = parseProviders(
      `providers:
  mail: { issuer: https://mail.example, client_id: me, client_secret_env: MAIL_CLIENT_SECRET, scopes: [a, b] }
  open: { title: Open, issuer: https://open.example, client_id: us }
`,
      read,
    );
    expect(parsed).toMatchObject({
      providers: [
        { id: 'mail', title: 'mail', clientSecret: 'shh', clientAuth: 'basic', scopes: ['a', 'b'] },
        { id: 'open', title: 'Open', clientSecret: undefined, clientAuth: 'none', scopes: [] },
      ],
    });
    expect(parseProviders('', read)).toEqual({ providers: [] });
  });

  it('tells every mistake with its line', () => {
    expect(linesOf('providers:\n  mail:\n    issuer: ftp://x\n    client_id: me\n    colour: red\n')).toEqual([
      expect.stringMatching(/^3 providers\.mail\.issuer: /),
      '5 providers.mail.colour: there is no such field',
    ]);
    const base = 'providers:\n  mail:\n    issuer: https://x\n    client_id: me\n';
    expect(linesOf(`${base}    client_secret_env: NOT_THERE\n`)).toEqual([
      '5 providers.mail.client_secret_env: NOT_THERE is not set',
    ]);
    expect(linesOf(`${base}    client_auth: post\n`)).toEqual([
      '5 providers.mail.client_auth: post needs client_secret_env',
    ]);
    expect(linesOf(`${base}    authorization_params: { redirect_uri: https://evil }\n`)).toEqual([
      expect.stringMatching(/^5 .*not to be set here/),
    ]);
    expect(linesOf(`${base}    endpoints: { authorization: https://x/a, token: https://x/t }\n`)).toEqual([
      expect.stringMatching(/^5 providers\.mail\.endpoints\.pkce: /),
    ]);
    expect(linesOf('providers: [')[0]).toMatch(/^\d+ /);
    expect(linesOf('providers:\n  Bad Name: {}\n')[0]).toMatch(/^2 /);
  });
});
