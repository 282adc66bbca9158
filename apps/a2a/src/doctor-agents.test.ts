import { describe, expect, it } from '@jest/globals';
import { AppError } from '@switchyard/contracts';
import { judgeAgent, probeAgent } from './doctor-agents.ts';

const agent = { url: 'https://agent.example/' };
const CARD = {
  name: 'Helper',
  description: 'Helps.',
  version: '1',
  capabilities: { streaming: true },
  defaultInputModes: ['text/plain'],
  defaultOutputModes: ['text/plain'],
  supportedInterfaces: [{ url: 'https://agent.example/a2a', protocolBinding: 'JSONRPC', protocolVersion: '1.0' }],
  skills: [{ id: 's', name: 'Sums', description: 'Adds.', tags: [] }],
};
const seen = (answer: () => Promise<Response>, jid?: string) =>
  probeAgent(agent, { fetch: answer as typeof fetch, allowedHosts: [], jid, limitMs: 1_000 });
const json = (body: unknown, status = 200) => Promise.resolve(new Response(JSON.stringify(body), { status }));

describe('what the doctor says of an agent', () => {
  it('names the wire, the card and its skills where all is well', async () => {
    const finding = judgeAgent(agent, await seen(() => json(CARD)));
    expect(finding).toMatchObject({
      status: 'ok',
      sentence: 'Helper at agent.example is reached over HTTP; its card is taken, and it streams.',
    });
    expect(finding.evidence).toContain('JSONRPC 1.0: https://agent.example/a2a');
    expect(judgeAgent(agent, await seen(() => json(CARD), 'a@x.example')).sentence).toContain(
      'over XMPP (a@x.example)',
    );
  });

  it.each([
    [
      'a card that leads elsewhere',
      () => json({ ...CARD, supportedInterfaces: [{ ...CARD.supportedInterfaces[0], url: 'https://evil.example' }] }),
      /another origin.*EGRESS_ALLOW_HOSTS/,
    ],
    ['no card', () => json({}, 404), /answers HTTP 404 in place of a card; is its base URL right\?/],
    [
      'nobody',
      () => Promise.reject(new AppError('upstream_failed', 'The host did not answer.')),
      /is not reached over HTTP: The host did not answer\./,
    ],
  ])('says what to do about %s', async (_what, answer, sentence) => {
    const finding = judgeAgent(agent, await seen(answer));
    expect([finding.status, finding.sentence]).toEqual(['fail', expect.stringMatching(sentence)]);
    expect(judgeAgent({ ...agent, optional: true }, await seen(answer)).status).toBe('warn');
  });

  it('is no finding of the agent where no bridge runs that could ask it', async () => {
    const nobody = await seen(() => Promise.reject(new AppError('no_responders')), 'a@x.example');
    expect(judgeAgent(agent, nobody)).toMatchObject({
      status: 'skipped',
      sentence: expect.stringContaining('check 22'),
    });
  });
});
