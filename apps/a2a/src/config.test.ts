import { describe, expect, it } from '@jest/globals';
import { Config } from './config.ts';

describe('the configuration', () => {
  it('takes agents as a list of URLs or as JSON', () => {
    expect(Config.parse({ BUS_TRUST: 'open', A2A_AGENTS: 'http://127.0.0.1:8001, https://a.example' }).agents).toEqual([
      { url: 'http://127.0.0.1:8001' },
      { url: 'https://a.example' },
    ]);
    expect(Config.parse({ BUS_TRUST: 'open', A2A_AGENTS: '[{"url":"https://a.example","name":"A"}]' }).agents).toEqual([
      { url: 'https://a.example', name: 'A' },
    ]);
    expect(Config.parse({ BUS_TRUST: 'open' }).agents).toEqual([]);
  });

  it.each(['ftp://a.example', 'nonsense', '[{"name":"A"}]', '[{'])('refuses %s', (agents) => {
    expect(Config.safeParse({ A2A_AGENTS: agents }).error!.issues[0]!.path).toEqual(['A2A_AGENTS']);
  });
});
