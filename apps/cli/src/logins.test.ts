import { describe, expect, it } from '@jest/globals';
import { asLogin, withPasswords } from './logins.ts';

describe('withPasswords', () => {
  it('fills in every password and adds the login for people', () => {
    const generated =
      'authorization { users: [\n { user: "mcp-tool", password: $NATS_MCP_TOOL_PASSWORD, permissions: $PERMISSIONS_MCP_TOOL }\n] }';
    const text = withPasswords(generated, { admin: 'all', 'mcp-tool': 'own' });
    expect(text).toContain('{ user: "mcp-tool", password: "own", permissions: $PERMISSIONS_MCP_TOOL }');
    expect(text).toContain('{ user: "admin", password: "all" }');
  });
});

describe('asLogin', () => {
  it('changes who asks, not whom', () => {
    expect(asLogin('nats://admin:all@127.0.0.1:20001', 'a2a:own')).toBe('nats://a2a:own@127.0.0.1:20001');
    expect(asLogin('nats://127.0.0.1:20001', 'a2a:own')).toBe('nats://a2a:own@127.0.0.1:20001');
  });
});
