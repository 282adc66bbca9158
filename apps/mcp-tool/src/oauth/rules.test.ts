import { beforeAll, describe, expect, it } from '@jest/globals';
import { SdkError, SdkErrorCode } from '@modelcontextprotocol/client';
import { loadMcpSdk } from '../common/mcp-sdk.ts';
import { Challenged, challengedIn, challengeOf, scopesToAsk, stepUp, union } from './rules.ts';
import { faultOf } from '../upstreams/connections/faults.ts';

beforeAll(loadMcpSdk);

const answer = (status: number, header?: string) =>
  new Response(null, { status, headers: header === undefined ? {} : { 'www-authenticate': header } });

describe('what an upstream says that wants a token', () => {
  it('is taken from its header, cut to a size', () => {
    const said = 'Bearer scope="read write read", resource_metadata="https://mcp.example/meta", error="invalid_token"';
    expect(challengeOf(answer(401, said))).toEqual({
      status: 401,
      scopes: ['read', 'write'],
      resourceMetadataUrl: 'https://mcp.example/meta',
    });
    expect(challengeOf(answer(401))).toEqual({ status: 401, scopes: [], resourceMetadataUrl: undefined });
    const long = Array.from({ length: 500 }, (_, n) => `scope-${n}`).join(' ');
    expect(challengeOf(answer(401, `Bearer scope="${long}"`))?.scopes).toHaveLength(100);
    const far = `Bearer resource_metadata="https://mcp.example/${'x'.repeat(3_000)}"`;
    expect(challengeOf(answer(401, far))?.resourceMetadataUrl).toBeUndefined();
    expect(challengeOf(answer(401, 'Bearer scope="a\tb c\\d e"'))?.scopes).toEqual(['e']);
  });

  it('is no reason to ask a person where more scopes are not what is missing', () => {
    expect(challengeOf(answer(403, 'Bearer error="insufficient_scope", scope="write"'))?.scopes).toEqual(['write']);
    expect(challengeOf(answer(403, 'Bearer error="access_denied"'))).toBeUndefined();
    expect(challengeOf(answer(403))).toBeUndefined();
    expect(challengeOf(answer(200))).toBeUndefined();
  });

  it('is found in what the SDK makes of it, keeps the token to itself, and is nobody’s fault', () => {
    const refusal = new Challenged('crm', { status: 401, scopes: [], resourceMetadataUrl: undefined }, 'secret-token');
    const wrapped = new SdkError(SdkErrorCode.EraNegotiationFailed, 'failed', undefined, { cause: refusal });
    expect(challengedIn(wrapped)).toBe(refusal);
    expect(faultOf(wrapped)).toBe('unauthorised');
    expect([refusal.wasFor('secret-token'), refusal.wasFor('another')]).toEqual([true, false]);
    expect(JSON.stringify(refusal) + String(refusal) + JSON.stringify(Object.entries(refusal))).not.toContain('secret');
  });
});

describe('the scopes that are asked for', () => {
  const none = { named: undefined, challenged: [], resource: [], server: undefined, grants: undefined, wanted: [] };

  it('are those of the file, else of the challenge, else of the resource, else none', () => {
    const all = { ...none, named: ['a'], challenged: ['b'], resource: ['c'] };
    expect(scopesToAsk(all)).toEqual(['a']);
    expect(scopesToAsk({ ...all, named: undefined })).toEqual(['b']);
    expect(scopesToAsk({ ...all, named: undefined, challenged: [] })).toEqual(['c']);
    expect(scopesToAsk(none)).toEqual([]);
  });

  it('hold offline_access only where the server says that it knows it', () => {
    const resource = ['read'];
    expect(scopesToAsk({ ...none, resource, server: ['read', 'offline_access'] })).toEqual(['read', 'offline_access']);
    const grants = ['authorization_code'];
    expect(scopesToAsk({ ...none, resource, server: ['offline_access'], grants })).toEqual(['read']);
    expect(scopesToAsk({ ...none, resource: ['read', 'offline_access'], server: ['read'] })).toEqual(['read']);
    expect(scopesToAsk({ ...none, server: ['offline_access'] })).toEqual([]);
  });

  it('grow by what is missing and lose nothing; what was asked for already is not asked for again', () => {
    expect(stepUp(['write'], ['read'])).toEqual(['read', 'write']);
    expect(stepUp(['write'], ['read', 'write'])).toBeUndefined();
    expect(stepUp([], ['read'])).toBeUndefined();
    expect(scopesToAsk({ ...none, challenged: ['read'], wanted: ['read', 'write'] })).toEqual(['read', 'write']);
    expect(union(['a', 'b'], ['b', 'c'])).toEqual(['a', 'b', 'c']);
  });
});
