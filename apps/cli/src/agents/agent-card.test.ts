import { jwksOf, publicKeysOf, readCard, signCard, SigningKeysText } from '@switchyard/agent-card';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { cardUrlOf, verifyCard } from './agent-card.ts';

const NOW = Date.parse('2026-11-22T12:00:00Z');
const URL_OF_CARD = 'https://agent.example/.well-known/agent-card.json';
const KEYS = SigningKeysText.parse(`k1:${Buffer.alloc(32, 7).toString('base64')}`);
const RAW = {
  name: 'Agent',
  version: '1.0.0',
  supportedInterfaces: [{ url: 'https://agent.example/a2a', protocolBinding: 'JSONRPC', protocolVersion: '1.0' }],
};

let signed: object;
beforeAll(async () => {
  signed = await signCard(readCard(RAW)!, { keys: KEYS, nowMs: NOW, validForMs: 60_000 });
});
const published = (url: string) =>
  url === 'https://agent.example/.well-known/jwks.json' ? Promise.resolve(jwksOf(KEYS)) : Promise.reject(new Error());
const report = (raw: unknown, pinned?: ReturnType<typeof publicKeysOf>) =>
  verifyCard(raw, URL_OF_CARD, { readJson: published, pinned, nowMs: NOW });

describe('agents card --verify', () => {
  it('verifies a card with the keys of its own host, and says what each check found', async () => {
    const { verified, kid, lines } = await report(signed);
    expect([verified, kid]).toEqual([true, 'k1']);
    expect(lines.map(({ sentence }) => sentence)).toEqual([
      'It is a card of "Agent", version 1.0.0.',
      "JSONRPC 1.0 at https://agent.example/a2a is at the card's own origin.",
      'https://agent.example/.well-known/jwks.json publishes one key.',
      'The card carries one signature.',
      'The signature of key "k1" has the algorithm EdDSA.',
      'Key "k1" is known.',
      'The signature of key "k1" fits the card.',
      'It was signed at 2026-11-22T12:00:00Z, good until 2026-11-22T12:01:00Z.',
      'No card was accepted before it.',
    ]);
  });

  it('trusts pinned keys alone where some are given', async () => {
    const others = jwksOf(SigningKeysText.parse(`k1:${Buffer.alloc(32, 8).toString('base64')}`)).keys;
    expect((await report(signed, others)).verified).toBe(false);
    expect((await report(signed, jwksOf(KEYS).keys)).verified).toBe(true);
  });

  it.each([
    ['unsigned', RAW],
    ['no card', { hello: 1 }],
    ['nothing', null],
  ])('does not verify what is %s', async (_, raw) => {
    const { verified, lines } = await report(raw);
    expect([verified, lines.at(-1)?.status]).toEqual([false, 'fail']);
  });

  it('takes the base address of an agent, or that of its card', () => {
    expect(cardUrlOf('https://agent.example/')).toBe(URL_OF_CARD);
    expect(cardUrlOf('https://agent.example/x/card.json')).toBe('https://agent.example/x/card.json');
    expect(() => cardUrlOf('agent.example')).toThrow('begins with https://');
  });
});
