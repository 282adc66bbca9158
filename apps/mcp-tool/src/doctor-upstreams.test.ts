import { describe, expect, it } from '@jest/globals';
import { judgeUpstream, type UpstreamSeen } from './doctor-upstreams.ts';
import { parseUpstreams, type UpstreamConfig } from './upstreams/connections/config.ts';

function upstream(settings: object): UpstreamConfig {
  const parsed = parseUpstreams(
    JSON.stringify({ upstreams: { crm: { url: 'https://crm.example/mcp', ...settings } } }),
  );
  if (!('upstreams' in parsed)) throw new Error(JSON.stringify(parsed));
  return parsed.upstreams[0]!;
}
const well: UpstreamSeen = { era: 'modern', tools: 3, missing: null };
const told = (settings: object, seen: UpstreamSeen, waiting?: number) => {
  const { status, sentence } = judgeUpstream(upstream(settings), seen, waiting);
  return `${status}: ${sentence}`;
};

describe('what the doctor says of an MCP server', () => {
  it('tells its tools and its era, and what waits for a person', () => {
    expect(told({}, well, 0)).toBe('ok: crm answers with 3 tools over MCP of today.');
    expect(told({}, { ...well, era: 'legacy' }, 2)).toMatch(
      /^warn: .*MCP before 2026-07-28; 2 wait .*tools quarantine/,
    );
    expect(judgeUpstream(upstream({}), well, undefined).evidence).toContain(
      'quarantine: not asked, there is no database',
    );
  });

  it('takes a question for a token as what the settings say, or as what is to be mended', () => {
    expect(told({ auth: 'oauth' }, { wantsToken: true })).toMatch(/^ok: crm answers, and asks for a token/);
    expect(told({}, { wantsToken: true })).toMatch(/^fail: crm wants a login: set auth: oauth/);
    expect(told({ auth: 'oauth' }, well)).toMatch(/^warn: .*without a token/);
  });

  it('says why it does not answer, with what its process wrote last', () => {
    expect(told({}, { fault: 'away' })).toBe(
      'fail: crm: it could not be reached; is it running, and is its name right?',
    );
    const died = { fault: 'broken' as const, said: ['no module named db', '(it ended with exit code 1)'] };
    const { evidence } = judgeUpstream(upstream({ url: undefined, command: 'crm-server' }), died, 0);
    expect(evidence).toEqual([
      'a process: crm-server',
      'it wrote: no module named db',
      'it wrote: (it ended with exit code 1)',
      'quarantine: 0 waiting',
    ]);
    expect(told({}, { ...well, missing: 'bubblewrap is not installed' })).toMatch(/^warn: .*without the sandbox/);
  });
});
