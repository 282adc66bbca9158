import { jwksOf, readCard, signCard, SigningKeysText } from '@switchyard/agent-card';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { Directory, type AgentAddress, type DirectoryFact } from './directory.ts';
import { cardDigest } from './trust.ts';
import type { Card } from '@switchyard/agent-card';

const NOW = Date.parse('2026-11-22T12:00:00Z');
const BASE = 'https://agent.example';
const RING = SigningKeysText.parse(`k1:${Buffer.alloc(32, 1).toString('base64')}`);
const STRANGER = SigningKeysText.parse(`k1:${Buffer.alloc(32, 2).toString('base64')}`);
const plain = (description = 'd'): Card =>
  readCard({
    name: 'Agent',
    description,
    version: '1.0.0',
    supportedInterfaces: [{ url: `${BASE}/a2a`, protocolBinding: 'JSONRPC', protocolVersion: '1.0' }],
    skills: [],
  })!;
const sign = (card: Card, nowMs = NOW, keys = RING, validForMs = 3_600_000) =>
  signCard(card, { keys, nowMs, validForMs });

let signed: Card;
beforeAll(async () => {
  signed = await sign(plain());
});

/** A directory with one agent; `served` is its card, which a test may replace. */
function withAgent(address: Partial<AgentAddress>, first: Card) {
  const world = {
    served: first,
    etag: undefined as string | undefined,
    at: NOW,
    keysRead: 0,
    asked: [] as (string | undefined)[],
  };
  const facts: DirectoryFact[] = [];
  const directory = new Directory({
    agents: [{ url: BASE, ...address }],
    reader: {
      readCard: (_url, _signal, etag) => {
        world.asked.push(etag);
        if (etag !== undefined && etag === world.etag) return Promise.resolve('unchanged');
        return Promise.resolve({ text: JSON.stringify(world.served), etag: world.etag });
      },
      readKeys: (url) => {
        world.keysRead += 1;
        return url === `${BASE}/.well-known/jwks.json`
          ? Promise.resolve(jwksOf(RING).keys)
          : Promise.reject(new Error());
      },
    },
    allowedHosts: [],
    ttlMs: 60_000,
    clock: { now: () => world.at },
    onFact: (fact) => facts.push(fact),
    codeOf: () => 'agent_unreachable',
  });
  const later = async (ms = 60_000) => {
    world.at += ms;
    return (await directory.list())[0]!;
  };
  return { directory, world, facts, later };
}

describe('an agent with `trust: signed`', () => {
  it('is called where a key of its own host signed the card, and is shown with that key', async () => {
    const { directory } = withAgent({ trust: 'signed' }, signed);
    expect(await directory.find('agent')).toBeDefined();
    expect(await directory.list()).toMatchObject([{ reachable: true, card: { signedBy: 'k1', refused: null } }]);
  });

  it('A1: is not called while its card is unsigned, changed, of a stranger, or older than the one before', async () => {
    const forged = { ...signed, description: 'changed' };
    const stranger = await sign(plain(), NOW, STRANGER);
    for (const [card, reason] of [
      [plain(), 'carries no signature'],
      [forged, 'does not fit'],
      [stranger, 'does not fit'],
    ] as const) {
      const { directory, facts } = withAgent({ trust: 'signed' }, card);
      expect(await directory.find('agent')).toBeUndefined();
      expect(directory.refusalOf(directory.ids()[0]!)).toContain(reason);
      expect(facts).toMatchObject([{ type: 'a2a.card.refused', data: { reason: expect.stringContaining(reason) } }]);
    }
  });

  it('A1: is not called any more when an older card is offered, until a newer one comes', async () => {
    const { directory, world, facts, later } = withAgent({ trust: 'signed' }, await sign(plain('new'), NOW));
    await directory.list();
    world.served = await sign(plain('old'), NOW - 600_000);
    expect(await later()).toMatchObject({ reachable: false, card: { refused: expect.stringContaining('older card') } });
    expect(await directory.find('agent')).toBeUndefined();
    await later();
    expect(facts.filter(({ type }) => type === 'a2a.card.refused')).toHaveLength(1);
    world.served = await sign(plain('newest'), world.at);
    expect(await later()).toMatchObject({ reachable: true, description: 'newest' });
  });

  it('is not called with a card of which the signature has ended', async () => {
    const { directory, later } = withAgent({ trust: 'signed' }, await sign(plain(), NOW, RING, 90_000));
    await directory.list();
    expect(await later(600_000)).toMatchObject({ reachable: false });
    expect(await directory.find('agent')).toBeUndefined();
  });

  it('with pinned keys counts on no key that its host publishes', async () => {
    const { directory, world } = withAgent({ trust: 'signed', keys: jwksOf(STRANGER).keys }, signed);
    expect(await directory.find('agent')).toBeUndefined();
    expect(world.keysRead).toBe(0);
  });
});

describe('an agent with a pinned card', () => {
  it('is quarantined while its card is another, and a new signature is no other card', async () => {
    const { directory, world, later } = withAgent({ trust: 'pinned', card: cardDigest(plain()) }, signed);
    expect(await directory.find('agent')).toBeDefined();
    world.served = await sign(plain(), NOW + 60_000);
    expect(await later()).toMatchObject({ reachable: true });
    world.served = plain('something else');
    const shown = await later();
    expect(shown.card).toMatchObject({ digest: cardDigest(plain('something else')), refused: expect.any(String) });
    expect(await directory.find('agent')).toBeUndefined();
  });
});

describe('the card of an agent', () => {
  it('is asked for by its ETag, but whole where its signature is about to end', async () => {
    const { world, later } = withAgent({ trust: 'signed' }, await sign(plain(), NOW, RING, 190_000));
    world.etag = '"1"';
    expect(await later(0)).toMatchObject({ reachable: true });
    expect(await later()).toMatchObject({ reachable: true });
    world.served = await sign(plain(), NOW + 60_000, RING, 600_000);
    expect(await later(100_000)).toMatchObject({ reachable: true });
    expect(await later(200_000)).toMatchObject({ reachable: true });
    expect(world.asked).toEqual([undefined, '"1"', undefined, '"1"']);
  });

  it('is quarantined where its signature has ended, and asked for whole until it has a new one', async () => {
    const { world, later } = withAgent({ trust: 'signed' }, await sign(plain(), NOW, RING, 90_000));
    world.etag = '"1"';
    await later(0);
    expect(await later(600_000)).toMatchObject({ reachable: false });
    expect(await later(600_000)).toMatchObject({ reachable: false });
    expect(world.asked).toEqual([undefined, undefined, undefined]);
  });
});
