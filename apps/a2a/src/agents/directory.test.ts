import { describe, expect, it } from '@jest/globals';
import { Directory } from './directory.ts';
import type { DirectoryFact } from './directory.ts';

const cardOf = (origin: string, name = 'Mock agent', description = 'd') =>
  JSON.stringify({
    name,
    description,
    supportedInterfaces: [{ url: `${origin}/a2a`, protocolBinding: 'JSONRPC', protocolVersion: '1.0' }],
    skills: [],
  });

function directoryOf(urls: string[], read: (url: string) => string, optional = false) {
  const clock = { at: 1_000_000, now: () => clock.at };
  const facts: DirectoryFact[] = [];
  let reads = 0;
  const directory = new Directory({
    agents: urls.map((url) => ({ url, optional })),
    reader: {
      readCard: async (url) => {
        reads += 1;
        return Promise.resolve({ text: read(url) });
      },
      readKeys: () => Promise.resolve([]),
    },
    allowedHosts: [],
    ttlMs: 60_000,
    clock,
    onFact: (fact) => facts.push(fact),
    codeOf: () => 'agent_unreachable',
  });
  return { directory, clock, facts, reads: () => reads };
}

describe('the directory', () => {
  it('reads a card once per TTL, also for many callers at once', async () => {
    const { directory, clock, reads } = directoryOf(['https://a.example'], () => cardOf('https://a.example'));
    await Promise.all([directory.list(), directory.list(), directory.find('mock_agent')]);
    await directory.list();
    expect(reads()).toBe(1);
    clock.at += 60_000;
    await directory.list();
    expect(reads()).toBe(2);
  });

  it('keeps a card that was read when the agent is gone, and says once that it is', async () => {
    let up = true;
    const { directory, clock, facts } = directoryOf(['https://a.example'], () => {
      if (!up) throw new Error('down');
      return cardOf('https://a.example');
    });
    expect(await directory.list()).toMatchObject([{ id: 'mock_agent', reachable: true }]);
    up = false;
    clock.at += 60_000;
    expect(await directory.list()).toMatchObject([{ id: 'mock_agent', name: 'Mock agent', reachable: false }]);
    expect(await directory.find('mock_agent')).toBeDefined();
    clock.at += 60_000;
    await directory.list();
    expect(facts).toEqual([
      { type: 'a2a.agent.unreachable', data: { agent: 'mock_agent', error_code: 'agent_unreachable' } },
    ]);
    up = true;
    clock.at += 60_000;
    expect(await directory.list()).toMatchObject([{ reachable: true }]);
  });

  it('makes no fuss about an optional agent that is away, and sees it come and go at once when asked afresh', async () => {
    let up = false;
    const read = () => {
      if (!up) throw new Error('down');
      return cardOf('https://a.example');
    };
    const { directory, facts, reads } = directoryOf(['https://a.example'], read, true);
    expect(await directory.list()).toMatchObject([{ reachable: false }]);
    expect(await directory.missing()).toEqual([]);
    expect(facts).toEqual([]);
    up = true;
    expect(await directory.list()).toMatchObject([{ reachable: false }]);
    expect(reads()).toBe(1);
    expect(await directory.list(true)).toMatchObject([{ reachable: true }]);
    up = false;
    expect(await directory.list()).toMatchObject([{ reachable: true }]);
    expect(await directory.list(true)).toMatchObject([{ reachable: false }]);
    expect(reads()).toBe(3);
  });

  it('names an agent that should be there and is not', async () => {
    const { directory } = directoryOf(['https://a.example'], () => {
      throw new Error('down');
    });
    expect(await directory.missing()).toEqual(['a_example']);
  });

  it('tells that a card has changed', async () => {
    let description = 'one';
    const { directory, clock, facts } = directoryOf(['https://a.example'], () =>
      cardOf('https://a.example', 'Mock agent', description),
    );
    await directory.list();
    description = 'two';
    clock.at += 60_000;
    await directory.list();
    expect(facts).toMatchObject([{ type: 'a2a.card.changed', data: { agent: 'mock_agent' } }]);
  });

  it('gives two agents of one name two ids, and keeps them', async () => {
    const { directory } = directoryOf(['https://a.example', 'https://b.example'], (url) => cardOf(new URL(url).origin));
    expect((await directory.list()).map(({ id }) => id)).toEqual(['mock_agent', 'mock_agent_2']);
    expect((await directory.find('mock_agent_2'))!.card.card.supportedInterfaces[0]!.url).toBe('https://b.example/a2a');
    expect(await directory.find(undefined)).toBeUndefined();
  });

  it('finds an agent by id, by name, and the only one without a name', async () => {
    const { directory } = directoryOf(['https://a.example'], () => cardOf('https://a.example'));
    for (const name of ['mock_agent', 'Mock Agent', 'delegate_to_mock_agent', undefined]) {
      expect((await directory.find(name))?.id).toBe('mock_agent');
    }
    expect(await directory.find('nobody')).toBeUndefined();
  });
});
