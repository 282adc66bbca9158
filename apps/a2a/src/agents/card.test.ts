import { describe, expect, it } from '@jest/globals';
import { plainText, vetCard } from './card.ts';

const BASE = 'https://agent.example/.well-known/agent-card.json';
const card = (over: object = {}) =>
  JSON.stringify({
    name: 'Agent',
    description: 'Does things',
    version: '1',
    supportedInterfaces: [{ url: 'https://agent.example/a2a', protocolBinding: 'JSONRPC', protocolVersion: '1.0' }],
    capabilities: { streaming: true },
    skills: [{ id: 'a', name: 'A', description: 'does a' }],
    ...over,
  });
const interfaces = (...urls: string[]) => ({
  supportedInterfaces: urls.map((url) => ({ url, protocolBinding: 'JSONRPC', protocolVersion: '1.0' })),
});

describe('a card is vetted before anything is sent', () => {
  it('takes a plain card', () => {
    expect(vetCard(card(), BASE, [])).toMatchObject({
      ok: true,
      value: { name: 'Agent', streaming: true, skills: [{ id: 'a', name: 'A', description: 'does a' }] },
    });
  });

  it.each([
    ['another origin', card(interfaces('https://other.example/a2a'))],
    ['another port', card(interfaces('https://agent.example:8443/a2a'))],
    ['plain http on the same host', card(interfaces('http://agent.example/a2a'))],
    ['a private address', card(interfaces('http://169.254.169.254/'))],
    ['a file', card(interfaces('file:///etc/passwd'))],
    ['a URL with credentials', card(interfaces('https://u:p@agent.example/a2a'))],
    [
      'only protocol 0.3',
      card({
        supportedInterfaces: [{ url: 'https://agent.example/', protocolBinding: 'JSONRPC', protocolVersion: '0.3' }],
      }),
    ],
    [
      'only gRPC',
      card({
        supportedInterfaces: [{ url: 'https://agent.example/', protocolBinding: 'GRPC', protocolVersion: '1.0' }],
      }),
    ],
    ['no interface', card({ supportedInterfaces: [] })],
    ['no name', card({ name: '' })],
    ['no JSON', '<html>'],
  ])('refuses %s', (_, text) => {
    expect(vetCard(text, BASE, []).ok).toBe(false);
  });

  it('keeps the allowed interfaces of a card and drops the others', () => {
    const verdict = vetCard(card(interfaces('https://evil.example/', 'https://partner.example/a2a')), BASE, [
      'partner.example',
    ]);
    expect(verdict.ok && verdict.value.card.supportedInterfaces.map(({ url }) => url)).toEqual([
      'https://partner.example/a2a',
    ]);
  });

  it('lets no hidden characters through to the planner', () => {
    expect(plainText('a\u200bb\u202ec\u{e0041}d\ne\u0000', 100)).toBe('abcd e');
    expect(plainText('x'.repeat(20), 10)).toBe(`${'x'.repeat(9)}…`);
  });

  it('bounds what a card may say', () => {
    const skills = Array.from({ length: 500 }, (_, at) => ({
      id: `s${at}`,
      name: 'n'.repeat(1_000),
      description: 'd'.repeat(5_000),
    }));
    const verdict = vetCard(card({ skills, description: 'd'.repeat(10_000) }), BASE, []);
    expect(
      verdict.ok && [
        verdict.value.skills.length,
        verdict.value.skills[0]!.name.length,
        verdict.value.description.length,
      ],
    ).toEqual([100, 200, 4_000]);
  });
});
