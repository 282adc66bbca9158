import { expect, it } from '@jest/globals';
import { isUrl, lookLines, nameFor } from './verb-tools-url.ts';

it('names a server by its host', () => {
  expect(nameFor('https://mcp.linear.example/mcp')).toBe('linear');
  expect(nameFor('https://tools.acme.example.com')).toBe('tools-acme-example');
  expect(nameFor('http://localhost:3000/mcp')).toBe('localhost');
  expect(nameFor('http://127.0.0.1:3000')).toMatch(/^mcp-127-0-0/);
  expect([isUrl('https://a.example'), isUrl('books.yaml')]).toEqual([true, false]);
});

it('says in a sentence what an MCP server wants, what to write and what its users do', () => {
  const url = 'https://mcp.linear.example/mcp';
  expect(lookLines(url, { wants: 'nothing', authorisation: null })).toEqual([
    `${url} wants no login.`,
    expect.stringContaining('MCP_UPSTREAMS'),
    '  upstreams:',
    `    linear: { url: "${url}" }`,
    expect.stringContaining('tools quarantine'),
  ]);
  const authorisation = {
    by: 'user' as const,
    issuer: 'https://as.example',
    resource: null,
    client: 'registration' as const,
    scopes: ['read'],
    missing: null,
  };
  const lines = lookLines(url, { wants: 'login', authorisation });
  expect(lines[0]).toBe(
    `${url} wants a login of each user. https://as.example authorises them, where we are known as a client that registers itself. It asks for: read.`,
  );
  expect(lines).toContain(`    linear: { url: "${url}", auth: oauth }`);
  expect(lines.at(-2)).toContain('/api/mcp/auth?provider=linear');
  const byHand = lookLines(url, { wants: 'login', authorisation: { ...authorisation, client: 'none' } });
  expect(byHand.join()).toContain('oauth: { issuer: "https://as.example", client_id: "<registered there>" }');
});
