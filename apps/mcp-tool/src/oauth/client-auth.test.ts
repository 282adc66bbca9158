import { generateKeyPairSync } from 'node:crypto';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { authOf, keyAuth, methodFor } from './client-auth.ts';
import { methodToRegister } from './client-registrations.ts';
import { loadMcpSdk } from '../common/mcp-sdk.ts';

beforeAll(loadMcpSdk);

const metadata = (supported?: string[]) => ({
  issuer: 'https://as.example',
  token_endpoint: 'https://as.example/token',
  ...(supported ? { token_endpoint_auth_methods_supported: supported } : {}),
});

async function said(auth: ReturnType<typeof authOf>, id: string) {
  const [body, headers] = [new URLSearchParams(), new Headers()];
  await auth(metadata() as never, { client_id: id } as never, body, headers);
  return { body: Object.fromEntries(body), authorization: headers.get('authorization') };
}

describe('how we say who we are', () => {
  it('is what the server takes and we can, and the word of the registration first', () => {
    const known = { how: 'registration', clientId: 'us', secret: 's' } as const;
    expect(methodFor(known, metadata())).toBe('basic');
    expect(methodFor(known, metadata(['client_secret_post']))).toBe('post');
    expect(methodFor(known, metadata(['none']))).toBe('none');
    expect(methodFor({ ...known, method: 'client_secret_post' }, metadata())).toBe('post');
    expect(methodFor({ how: 'document', clientId: 'https://us.example/c' }, metadata(['none']))).toBe('none');
    expect(methodToRegister(metadata())).toBe('client_secret_basic');
    expect(methodToRegister(metadata(['none', 'client_secret_post']))).toBe('client_secret_post');
    expect(methodToRegister(metadata(['private_key_jwt']))).toBe('client_secret_basic');
  });

  it('is encoded as forms are, and so the same for a server that does not decode where nothing needs it', async () => {
    const plain = await said(authOf('basic', 'a-secret_1.2'), 'pre-registered-client');
    expect(plain.authorization).toBe(`Basic ${btoa('pre-registered-client:a-secret_1.2')}`);
    const odd = await said(authOf('basic', 'p:q&r s'), 'ü');
    expect(odd.authorization).toBe(`Basic ${btoa('%C3%BC:p%3Aq%26r+s')}`);
    expect(await said(authOf('post', 's'), 'us')).toMatchObject({ body: { client_id: 'us', client_secret: 's' } });
    expect(await said(authOf('none', 's'), 'us')).toEqual({ body: { client_id: 'us' }, authorization: null });
  });

  it('is a signed word for the issuer alone, with a key that never leaves', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const pem = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
    const { body } = await said(keyAuth(pem, 'ES256'), 'us');
    expect(decodeProtectedHeader(body['client_assertion']!)).toMatchObject({ alg: 'ES256' });
    expect(decodeJwt(body['client_assertion']!)).toMatchObject({ iss: 'us', sub: 'us', aud: 'https://as.example' });
    await expect(said(keyAuth(pem, 'RS256'), 'us')).rejects.toMatchObject({ code: 'credentials_missing' });
    await expect(said(keyAuth('no key', 'ES256'), 'us')).rejects.toMatchObject({ code: 'credentials_missing' });
  });
});
