import { beforeAll, describe, expect, it } from '@jest/globals';
import { type Card, jwksOf, readCard, signCard, SigningKeysText } from '@switchyard/agent-card';
import { judgeOwnCard } from './own-card.ts';

const URL = 'http://127.0.0.1:8000';
const NOW = 1_780_000_000_000;
const KEYS = SigningKeysText.parse(`k1:${Buffer.alloc(32, 7).toString('base64')}`);
const RAW = {
  name: 'Switchyard',
  description: 'Runs tasks.',
  version: '0.1.0',
  supportedInterfaces: [{ url: `${URL}/a2a`, protocolBinding: 'JSONRPC', protocolVersion: '1.0' }],
  skills: [],
};

describe('what other agents find of us', () => {
  let signed: Card;
  beforeAll(async () => {
    signed = await signCard(readCard(RAW)!, { keys: KEYS, nowMs: NOW, validForMs: 60_000 });
  });
  const judged = async (raw: unknown, keys: unknown = jwksOf(KEYS), now = NOW) =>
    (await judgeOwnCard(URL, raw, keys, now)).status;

  it('is well with a card whose signature holds', async () => {
    expect(await judged(signed)).toBe('ok');
    expect((await judgeOwnCard(URL, signed, jwksOf(KEYS), NOW)).sentence).toBe(
      'Other agents find a signed card (JSONRPC), key k1.',
    );
  });

  it('is a warning without a signature, and a finding with one that does not hold', async () => {
    expect(await judged(RAW)).toBe('warn');
    expect(await judged({ ...signed, name: 'Another' })).toBe('fail');
    expect(await judged(signed, { keys: [] })).toBe('fail');
    expect(await judged(signed, jwksOf(KEYS), NOW + 600_000)).toBe('fail');
  });

  it('is a finding without a card, and none where the server is off', async () => {
    expect(await judged(503)).toBe('fail');
    expect(await judged({ hello: 1 })).toBe('fail');
    expect(await judged(404)).toBe('skipped');
  });
});
