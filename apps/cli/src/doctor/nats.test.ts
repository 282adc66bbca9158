import { describe, expect, it } from '@jest/globals';
import type { BusSeen } from '@switchyard/bus';
import { judgeBuckets, judgeConsumers, judgePermissions, judgeReached, judgeStreams, natsFindings } from './nats.ts';

const seen = (over: Partial<BusSeen> = {}): BusSeen => ({
  app: 'orchestrator',
  server: 'nats://127.0.0.1:4222',
  version: '2.9.10',
  permissions: { tried: 40, missing: [], excess: [], untried: false },
  ...over,
});
const stream = { name: 'RUNS', missing: false, other: [], messages: 3, bytes: 900 };
const consumer = {
  stream: 'RUNS',
  name: 'audit',
  missing: false,
  other: [],
  ahead: false,
  pending: 0,
  unacknowledged: 0,
};

describe('what is made of NATS', () => {
  it.each([
    ['ECONNREFUSED', /no nats-server listens there/],
    ['AUTHORIZATION_VIOLATION', /refuses the login of orchestrator .*password in NATS_URL/],
    ['TIMEOUT', /did not answer within 5 s/],
    ['ENOTFOUND', /not known to DNS/],
    ['NO_URL', /^NATS_URL is no URL such as/],
  ])('30: %s is said in one sentence with what to do', (refused, sentence) => {
    const finding = judgeReached([seen(), seen({ refused })], 5_000);
    expect(finding).toMatchObject({ status: 'fail', sentence: expect.stringMatching(sentence) });
    expect(finding.evidence).toHaveLength(2);
  });

  it('30: a server that is too old is said', () => {
    expect(judgeReached([seen({ version: '2.8.4' })], 5_000).sentence).toMatch(/2\.8\.4 is too old/);
    expect(judgeReached([seen()], 5_000).status).toBe('ok');
  });

  it('35: what is missing comes before what is too much; a login without limits is a warning', () => {
    const missing = [{ verb: 'subscribe', subject: 'rpc.runs.start', queue: 'orchestrator' }] as const;
    const excess = [{ verb: 'publish', subject: '$JS.API.STREAM.DELETE.doctor' }] as const;
    const of = (permissions: Partial<NonNullable<BusSeen['permissions']>>, over: Partial<BusSeen> = {}) =>
      judgePermissions([seen({ permissions: { ...seen().permissions!, ...permissions }, ...over })]);
    expect(of({ missing, excess }).sentence).toMatch(
      /^orchestrator may not subscribe rpc\.runs\.start \(queue orchestrator\), which it must/,
    );
    expect(of({ excess })).toMatchObject({ status: 'fail', sentence: expect.stringMatching(/which it must not/) });
    expect(of({ excess }, { app: undefined })).toMatchObject({ status: 'warn' });
    expect(of({})).toMatchObject({ status: 'ok' });
  });

  it('36, 37: what services make when they start is missing only where services run', () => {
    const streams = [seen({ streams: [{ ...stream, missing: true }] })];
    expect(judgeStreams(streams, true).status).toBe('fail');
    expect(judgeStreams(streams, false).status).toBe('warn');
    const consumers = [seen({ consumers: [{ ...consumer, missing: true }] })];
    expect(judgeConsumers(consumers, true).sentence).toMatch(/^Consumer audit of RUNS is missing/);
    expect(judgeConsumers(consumers, false).status).toBe('warn');
  });

  it('36, 37: other settings, a consumer ahead of its stream, and JetStream that is off are said', () => {
    expect(judgeStreams([seen({ streams: [{ ...stream, other: ['max_age'] }] })], true).sentence).toMatch(
      /RUNS has another max_age/,
    );
    expect(judgeConsumers([seen({ consumers: [{ ...consumer, ahead: true }] })], true).sentence).toMatch(
      /stands ahead/,
    );
    expect(judgeStreams([seen({ unseen: '503' })], true).sentence).toMatch(/JetStream is off/);
    expect(judgeStreams([seen({ streams: [stream] })], true).status).toBe('ok');
    expect(judgeConsumers([seen({ consumers: [consumer] })], true).status).toBe('ok');
  });

  it('says in one sentence that there is nothing to ask', async () => {
    const none = 'Nothing runs in this clone, and NATS_URL is not set: ./switchyard up --detach starts it.';
    const { reached, ...rest } = await natsFindings({ logins: [], none }, 100, false);
    expect(reached).toMatchObject({ status: 'skipped', sentence: none });
    for (const { status, sentence } of Object.values(rest))
      expect(`${status}: ${sentence}`).toMatch(/^skipped: Not reached/);
  });

  it('42: a bucket with other settings fails, one that is nearly full is a warning, one not made yet is well', () => {
    const bucket = { name: 'requests', missing: false, other: [], entries: 3, bytes: 900, maxBytes: 1_000_000 };
    const of = (over: object) => judgeBuckets([seen({ app: 'xmpp-bridge', buckets: [{ ...bucket, ...over }] })]);
    expect(of({ other: ['max_age'] })).toMatchObject({
      status: 'fail',
      sentence: expect.stringMatching(/^Bucket requests has another max_age .* delete its stream \(KV_requests\)/),
    });
    expect(of({ bytes: 950_000 })).toMatchObject({ status: 'warn' });
    expect(of({ missing: true })).toMatchObject({ status: 'ok', evidence: ['requests: not made yet'] });
    expect(of({})).toMatchObject({ status: 'ok', evidence: ['requests: 3 entries, 900 of 1000000 bytes'] });
    expect(judgeBuckets([seen()]).status).toBe('skipped');
  });
});
