import { describe, expect, it } from '@jest/globals';
import { checkCard, publicKeysOf, readCard, SigningKeysText } from '@switchyard/agent-card';
import { OwnCard } from './own-card.ts';

const NOW = 1_780_000_000_000;
const clock = { now: () => NOW };
const card = {
  name: 'Switchyard',
  description: 'Runs tasks.',
  version: '1.0.0',
  supportedInterfaces: [{ url: 'https://us.example/a2a', protocolBinding: 'JSONRPC', protocolVersion: '1.0' }],
  skills: [{ id: 'run', name: 'Run', description: 'Runs.', tags: ['x'] }],
};
const jwksUrl = 'https://us.example/.well-known/jwks.json';
const keys = SigningKeysText.parse(
  `new:${Buffer.alloc(32, 1).toString('base64')},old:${Buffer.alloc(32, 2).toString('base64')}`,
);

describe('our own card', () => {
  it('is signed with every key, and verifies with what is published until its end', async () => {
    const signed = await new OwnCard(keys, clock).sign({ card, jwksUrl });
    const published = publicKeysOf({ keys: signed.keys })!;
    expect(published.map(({ kid }) => kid)).toEqual(['new', 'old']);
    expect(JSON.stringify(signed)).not.toContain('"d"');
    for (const key of published) {
      const verdict = await checkCard(readCard(signed.card)!, { keys: [key], nowMs: NOW });
      expect([verdict.verified, verdict.kid]).toEqual([true, key.kid]);
    }
    const late = { keys: published, nowMs: signed.goodUntil! + 120_000 };
    expect((await checkCard(readCard(signed.card)!, late)).verified).toBe(false);
    const changed = readCard({ ...signed.card, description: 'Runs other tasks.' })!;
    expect((await checkCard(changed, { keys: published, nowMs: NOW })).verified).toBe(false);
  });

  it('comes back as it is where there are no keys, and nothing else is signed', async () => {
    expect(await new OwnCard([], clock).sign({ card, jwksUrl })).toEqual({ card, keys: [], goodUntil: null });
    await expect(new OwnCard(keys, clock).sign({ card: { a: 1 }, jwksUrl })).rejects.toThrow('no A2A 1.0 card');
  });
});
