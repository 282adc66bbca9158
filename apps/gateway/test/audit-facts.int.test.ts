import { afterEach, describe, expect, it } from '@jest/globals';
import type { SystemEvent, SystemEventType, SystemFact } from '@switchyard/contracts';
import { until } from '@switchyard/testing';
import { SignJWT } from 'jose';
import { type TestGateway, startTestGateway, readUntil } from './http.ts';

/* What the gateway tells the audit log of who came and who was shown what. */

let gateway: TestGateway;
afterEach(() => gateway?.stop());

async function open(env: Record<string, string> = {}) {
  gateway = await startTestGateway(env);
  const heard: SystemEvent[] = [];
  await gateway.buses[2]!.subscribeSystem((event) => void heard.push(event));
  return <T extends SystemEventType>(type: T) =>
    heard.filter((event) => event.type === type).map(({ data }) => data as Extract<SystemFact, { type: T }>['data']);
}

const SECRET = 's'.repeat(32);
const JWT = { IDENTITY_MODE: 'jwt', JWT_ISSUER: 'https://issuer', JWT_HS256_SECRET: SECRET };
const token = (expiresInS: number, secret = SECRET) =>
  new SignJWT({ app_metadata: { tenant_id: 'acme' } })
    .setProtectedHeader({ alg: 'HS256' })
    .setIssuer('https://issuer')
    .setAudience('authenticated')
    .setSubject('ada')
    .setExpirationTime(Math.floor(Date.now() / 1_000) + expiresInS)
    .sign(new TextEncoder().encode(secret));

describe('the audit log is told', () => {
  it('who logged in, once for each token', async () => {
    const told = await open(JWT);
    const [one, two] = [await token(60), await token(90)];
    for (const bearer of [one, one, two, one])
      expect((await fetch(`${gateway.url}/config`, { headers: { authorization: `Bearer ${bearer}` } })).status).toBe(
        200,
      );
    await until(() => told('gateway.auth.succeeded').length >= 2, 10_000);
    await gateway.gateway.stop();
    const logins = told('gateway.auth.succeeded');
    expect(logins).toEqual(
      [1, 2].map(() => ({
        tenant_id: 'acme',
        user_id: 'ada',
        role: 'user',
        via: 'jwt',
        path: '/config',
        source_net: '127.0.0.0/24',
      })),
    );
    for (const bearer of [one, two]) expect(JSON.stringify(logins)).not.toContain(bearer.slice(-16));
  });

  it('of which tenant a login failed where its token is real and has expired, and of none where it is not', async () => {
    const told = await open(JWT);
    for (const bearer of [await token(-60), await token(-60, 'f'.repeat(32)), await token(60, 'f'.repeat(32))])
      expect((await fetch(`${gateway.url}/config`, { headers: { authorization: `Bearer ${bearer}` } })).status).toBe(
        401,
      );
    await until(() => told('gateway.auth.failed').length >= 2, 10_000);
    const whose = told('gateway.auth.failed').map(({ tenant_id, user_id }) => [tenant_id, user_id]);
    expect(whose).toEqual([
      ['acme', 'ada'],
      [undefined, undefined],
    ]);
  });

  it('of which tenant an edge that proved itself sent a request without a user', async () => {
    const told = await open({ IDENTITY_MODE: 'edge', EDGE_SHARED_SECRET: SECRET });
    const ask = (secret: string) =>
      fetch(`${gateway.url}/config`, { headers: { 'x-edge-secret': secret, 'x-supabase-tenant-id': 'acme' } });
    for (const secret of [SECRET, 'f'.repeat(32)]) expect((await ask(secret)).status).toBe(401);
    await until(() => told('gateway.auth.failed').length === 2, 10_000);
    expect(told('gateway.auth.failed').map(({ tenant_id }) => tenant_id)).toEqual(['acme', undefined]);
  });

  it('who was shown which run, from where, how long, how much, and why it ended', async () => {
    const told = await open();
    const headers = { 'x-user-id': 'ada', 'content-type': 'application/json' };
    const start = (task: string, runId: string) =>
      fetch(`${gateway.url}/orchestrate/stream`, {
        method: 'POST',
        headers,
        body: JSON.stringify({ task, run_id: runId }),
      });
    const text = await (await start('play tool', 'whole')).text();
    await (await fetch(`${gateway.url}/runs/whole/events?after=4&dialect=raw`, { headers })).text();
    const live = await start('hang', 'left');
    await readUntil(live, (shown) => shown.includes('id: left:1'));
    await until(() => told('gateway.stream.closed').length === 3, 10_000);
    const [whole, tail, left] = told('gateway.stream.closed');
    const last = Number(/id: whole:(\d+)\n(?![^]*id: whole)/.exec(text)![1]);
    const ada = { tenant_id: 'default', user_id: 'ada', source_net: '127.0.0.0/24' };
    expect(whole).toMatchObject({
      ...ada,
      run_id: 'whole',
      dialect: 'orchestrate',
      after: 0,
      events: last,
      why: 'ended',
    });
    expect(tail).toMatchObject({ ...ada, run_id: 'whole', dialect: 'raw', after: 4, events: last - 4, last_seq: last });
    expect(left).toMatchObject({ ...ada, run_id: 'left', events: 1, last_seq: 1, why: 'client' });
    expect(told('gateway.stream.opened')).toEqual([]);
  });

  it('of a stream that stays open while it is open, and of every one that is open when the service stops', async () => {
    const told = await open();
    const streaming = await fetch(`${gateway.url}/orchestrate/stream?task=hang`, { headers: { 'x-user-id': 'ada' } });
    await until(() => told('gateway.stream.opened').length === 1, 15_000);
    expect(told('gateway.stream.closed')).toEqual([]);
    await gateway.gateway.stop();
    await streaming.text();
    await until(() => told('gateway.stream.closed').length === 1, 10_000);
    const [opened] = told('gateway.stream.opened');
    expect(told('gateway.stream.closed')[0]).toMatchObject({ stream: opened!.stream, why: 'stopping' });
  });
});
