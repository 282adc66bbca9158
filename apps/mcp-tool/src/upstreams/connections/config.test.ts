import { describe, expect, it } from '@jest/globals';
import { headersOf, parseUpstreams, variablesOf } from './config.ts';
import { policyOf } from './policy.ts';

const FILE = `# ours
upstreams:
  files:
    command: mcp-server-filesystem
    args: ["/srv/files", "; rm -rf $(HOME)"]
    env: [PATH]
    trust: trusted
    tools:
      read_text_file: { kind: read, idempotency: safe }
  crm:
    url: https://crm.example/mcp
    headers: { X-Api-Key: "key \${CRM_KEY}" }
    auth: user
    defaults: { kind: destructive }
`;

const parse = (text: string) => {
  const parsed = parseUpstreams(text);
  if ('mistakes' in parsed) throw new Error(JSON.stringify(parsed.mistakes));
  return parsed.upstreams;
};
const mistakes = (text: string) => {
  const parsed = parseUpstreams(text);
  if ('upstreams' in parsed) throw new Error('it was taken');
  return parsed.mistakes;
};

describe('the file of upstreams', () => {
  it('is taken with defaults that trust nobody', () => {
    const [files, crm] = parse(FILE);
    expect(files).toMatchObject({ name: 'files', provider: 'files', trust: 'trusted', approve: 'first_use' });
    expect(crm).toMatchObject({ trust: 'untrusted', approve: 'manual', prefix: true, auth: 'user' });
    expect(policyOf(files!, { name: 'read_text_file' })).toMatchObject({ kind: 'read', idempotency: 'safe' });
    expect(policyOf(files!, { name: 'another' })).toMatchObject({ kind: 'write', idempotency: 'none' });
    expect(policyOf(crm!, { name: 'any' })).toMatchObject({ kind: 'destructive' });
  });

  it('hands arguments over as they stand', () => {
    expect(parse(FILE)[0]?.args).toEqual(['/srv/files', '; rm -rf $(HOME)']);
  });

  it('is the list of none where it is empty', () => {
    expect(parse('')).toEqual([]);
  });

  it('tells every mistake with its line', () => {
    const found = mistakes(`upstreams:
  a:
    url: ftp://a.example
    timeout_ms: 5
  B: { url: "https://b.example" }
  c:
    url: https://c.example
    command: c
  d:
    command: d
    heders: {}
  e:
    command: e
    auth: user
`);
    expect(found.map(({ line }) => line)).toEqual(expect.arrayContaining([3, 4, 5, 8, 11, 14]));
    expect(found.map(({ message }) => message).join('\n')).toContain('give either url or command');
    expect(mistakes('upstreams:\n  a: {url: "https://a.example"\n  b: 1\n')[0]?.line).toBeGreaterThan(1);
    expect(mistakes('upstreams: { a: {url: "https://a.example"}, a: {url: "https://b.example"} }')).toHaveLength(1);
  });

  it('takes no header that belongs to the connection or to MCP', () => {
    for (const name of ['Host', 'Mcp-Session-Id'])
      expect(mistakes(`upstreams: {a: {url: "https://a.example", headers: {${name}: x}}}`)).toHaveLength(1);
  });

  it('does not grow by aliases', () => {
    const bomb = `a: &a [${'x,'.repeat(50)}]\nb: &b [${'*a,'.repeat(50)}]\nc: &c [${'*b,'.repeat(50)}]\nd: [${'*c,'.repeat(50)}]\n`;
    expect(mistakes(bomb)).toHaveLength(1);
  });
});

describe('the variables of an upstream', () => {
  const [files, crm] = parse(FILE);
  it('are those that the operator named', () => {
    expect(variablesOf(files!)).toEqual(['PATH']);
    expect(variablesOf(crm!)).toEqual(['CRM_KEY']);
  });
  it('must be set and not empty', () => {
    expect(headersOf(crm!, () => '')).toEqual({ missing: ['CRM_KEY'] });
    expect(headersOf(crm!, () => 'k')).toEqual({ headers: { 'x-api-key': 'key k' } });
  });
});

describe('an upstream that says itself who issues its tokens', () => {
  const at = (settings: string) => `upstreams:\n  crm: { url: "https://crm.example/mcp", ${settings} }\n`;
  const linesOf = (text: string) => mistakes(text).map(({ line, message }) => `${line} ${message}`);

  it('needs its URL alone, and is used for each user or for all', () => {
    expect(parse(at('auth: oauth'))[0]).toMatchObject({ auth: 'user', provider: 'crm', oauth: { by: 'user' } });
    const service = at('auth: service, oauth: { issuer: "https://as.example", client_id: us, client_secret_env: S }');
    expect(parse(service)[0]).toMatchObject({ auth: 'none', oauth: { by: 'service', client_id: 'us' } });
    expect(parse(at('auth: user'))[0]).not.toHaveProperty('oauth');
  });

  it('gives a secret of ours to no issuer but the one that the operator names', () => {
    expect(linesOf(at('auth: oauth, oauth: { client_id: us, client_secret_env: S }'))).toEqual([
      '2 upstreams.crm.oauth: client_secret_env needs the issuer that it is for',
    ]);
    expect(linesOf(at('auth: service'))).toEqual([
      '2 upstreams.crm.oauth: auth: service needs issuer, client_id, and client_secret_env or private_key_env',
    ]);
    expect(linesOf(at('auth: user, oauth: { client_id: us }'))).toEqual([
      '2 upstreams.crm.oauth: only with auth: oauth or auth: service',
    ]);
    expect(linesOf(at('auth: oauth, headers: { Authorization: "x" }'))).toEqual([
      '2 upstreams.crm.headers: authorization comes from auth: oauth',
    ]);
  });

  it('shares its provider with no other: a token is for one resource', () => {
    const two = 'upstreams:\n  a: { url: "https://a.example", auth: oauth, provider: p }\n';
    expect(linesOf(`${two}  b: { url: "https://b.example", auth: user, provider: p }\n`)).toEqual([
      '2 upstreams.a.provider: p: another upstream has this provider; with auth: oauth each has its own',
    ]);
    expect(linesOf('upstreams:\n  a: { command: x, auth: oauth }\n')).toEqual([
      '2 upstreams.a.auth: a process gets no token; use url',
    ]);
  });
});
