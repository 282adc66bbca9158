import type { AgentInfo } from '@switchyard/contracts';
import { describe, expect, it } from '@jest/globals';
import { agentLines, agentPage, quarantineLines } from './agent-lines.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;
const agent = (over: Partial<NonNullable<AgentInfo['card']>> = {}, reachable = true): AgentInfo => ({
  id: 'helper',
  name: 'Helper',
  description: 'Helps.',
  skills: [{ id: 's', name: 'Sums', description: 'Adds.' }],
  reachable,
  card: { url: 'https://a.example/card.json', trust: 'signed', digest: DIGEST, signedBy: 'k1', refused: null, ...over },
});

describe('what the command says of agents', () => {
  it('is a line for each: how it is trusted, or why it is not called', () => {
    expect(agentLines([agent(), agent({}, false), agent({ refused: 'Changed.' }, false)])).toEqual([
      'helper  signed       Helps.',
      'helper  away         Helps.',
      'helper  quarantined  Helps.',
    ]);
    expect(agentLines([])[0]).toContain('A2A_AGENTS');
  });

  it('is a page for one, with its card, its key and its skills', () => {
    expect(agentPage(agent()).join('\n')).toMatch(/signed by key "k1"[\s\S]*Sums: Adds\./);
  });

  it('says of a quarantined agent what would approve it', () => {
    expect(quarantineLines([agent({ trust: 'pinned', refused: 'Another card.' })]).join('\n')).toContain(
      `"card": "${DIGEST}"`,
    );
    expect(quarantineLines([agent({ refused: 'Unsigned.' })]).join('\n')).toContain('by itself');
    expect(quarantineLines([])).toEqual(['No agent is quarantined.']);
  });
});
