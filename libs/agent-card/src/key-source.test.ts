import { describe, expect, it } from '@jest/globals';
import { base64url } from 'jose';
import { readCard } from './canonical.ts';
import { keySourceOf } from './key-source.ts';

const CARD = 'https://agent.example/.well-known/agent-card.json';
const naming = (...urls: (string | undefined)[]) =>
  readCard({
    name: 'Agent',
    supportedInterfaces: [],
    signatures: urls.map((jku) => ({
      protected: base64url.encode(JSON.stringify({ alg: 'EdDSA', kid: 'k', ...(jku === undefined ? {} : { jku }) })),
      signature: 'AA',
    })),
  })!;

describe('A1: keys of a card', () => {
  it('are read at its own origin, or at a host that the operator allows', () => {
    const own = 'https://agent.example/keys';
    expect(keySourceOf(naming(own), CARD, [])).toEqual({ addresses: [own], foreign: [] });
    expect(keySourceOf(naming('https://keys.example/a'), CARD, ['keys.example']).addresses).toHaveLength(1);
    expect(keySourceOf(naming(undefined), CARD, []).addresses).toEqual(['https://agent.example/.well-known/jwks.json']);
    expect(keySourceOf(naming(), CARD, []).addresses).toEqual([]);
  });

  it.each([
    'https://evil.example/keys',
    'http://agent.example/keys',
    'https://agent.example:8443/keys',
    'https://u:p@agent.example/keys',
    'file:///etc/passwd',
    'no address',
  ])('are not read at %s', (url) => {
    expect(keySourceOf(naming(url), CARD, [])).toEqual({ addresses: [], foreign: [url] });
  });
});
