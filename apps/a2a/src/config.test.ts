import { describe, expect, it } from '@jest/globals';
import { Config } from './config.ts';

describe('the configuration', () => {
  it('takes agents as a list of URLs or as JSON', () => {
    expect(Config.parse({ BUS_TRUST: 'open', A2A_AGENTS: 'http://127.0.0.1:8001, https://a.example' }).agents).toEqual([
      { url: 'http://127.0.0.1:8001', trust: 'any' },
      { url: 'https://a.example', trust: 'any' },
    ]);
    expect(Config.parse({ BUS_TRUST: 'open', A2A_AGENTS: '[{"url":"https://a.example","name":"A"}]' }).agents).toEqual([
      { url: 'https://a.example', name: 'A', trust: 'any' },
    ]);
    expect(Config.parse({ BUS_TRUST: 'open' }).agents).toEqual([]);
  });

  it('reads from what is given how an agent is trusted', () => {
    const keys = [{ kty: 'OKP', crv: 'Ed25519', x: 'AAAA', kid: 'k' }];
    const card = `sha256:${'a'.repeat(64)}`;
    const entries = [{ keys }, { card }, { trust: 'signed' }].map((entry) => ({ url: 'https://a.example', ...entry }));
    const parsed = Config.parse({ BUS_TRUST: 'open', A2A_AGENTS: JSON.stringify(entries) });
    expect(parsed.agents.map(({ trust }) => trust)).toEqual(['signed', 'pinned', 'signed']);
  });

  it.each([
    '[{"url":"https://a.example","trust":"pinned"}]',
    '[{"url":"https://a.example","keys":[{"kty":"oct"}]}]',
    'ftp://a.example',
    'nonsense',
    '[{"name":"A"}]',
    '[{',
  ])('refuses %s', (agents) => {
    expect(Config.safeParse({ A2A_AGENTS: agents }).error!.issues[0]!.path).toEqual(['A2A_AGENTS']);
  });
});
