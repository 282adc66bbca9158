import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CarriedFrame, httpRequest, type Principal, type RequestOf } from '@switchyard/contracts';
import { type TestGateway, startTestGateway } from './http.ts';

const PEER: Principal = { tenantId: 'xmpp', userId: 'x-peer', role: 'user', via: 'xmpp' };
let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startTestGateway({ TB_DEFAULT_USER_ID: 'root' });
});
afterAll(() => gateway?.stop());

async function ask(over: Partial<RequestOf<typeof httpRequest>>) {
  const bridge = gateway.hub.connect('xmpp-bridge');
  try {
    const frames: CarriedFrame[] = [];
    const request = { principal: PEER, fromJid: 'peer@xmpp.test/aztm', method: 'GET', resource: '/health', ...over };
    const answer = await bridge.request(httpRequest, request, {
      onProgress: (frame) => void frames.push(CarriedFrame.parse(frame)),
    });
    const pieces = frames.flatMap((frame) => ('chunk' in frame ? [frame.chunk] : []));
    const text = [...pieces, answer.body].map((piece) => Buffer.from(piece, 'base64').toString()).join('');
    return {
      ...answer,
      pieces: pieces.length,
      json: text.startsWith('{') ? (JSON.parse(text) as Record<string, unknown>) : {},
      text,
    };
  } finally {
    await bridge.close();
  }
}
const post = (body: object, headers: [string, string][] = []) =>
  ask({
    method: 'POST',
    resource: '/orchestrate',
    headers: [['content-type', 'application/json'], ...headers],
    body: Buffer.from(JSON.stringify(body)).toString('base64'),
  });

describe('a request of a peer', () => {
  it('is served by the routes that serve HTTP', async () => {
    expect(await ask({})).toMatchObject({ status: 200, json: { status: 'ok' } });
    expect(await ask({ resource: '/no-such-path' })).toMatchObject({ status: 404 });
    expect(await ask({ resource: '/openapi.json' })).toMatchObject({ status: 200 });
  });

  it('runs on behalf of the peer, whatever its headers and its body claim', async () => {
    const claims: [string, string][] = [
      ['x-user-id', 'root'],
      ['x-user-role', 'admin'],
      ['x-aztm-ticket', 'guessed'],
    ];
    const answer = await post({ task: 'plain answer', tenant: { tenant_id: 'acme', user_id: 'root' } }, claims);
    expect(answer.status).toBe(200);
    const runId = answer.json['run_id'] as string;
    expect(await ask({ resource: `/runs/${runId}` })).toMatchObject({
      status: 200,
      json: { tenant_id: 'xmpp', user_id: 'x-peer' },
    });
    const root = await fetch(`${gateway.url}/runs/${runId}`, { headers: { 'x-user-id': 'root' } });
    expect(root.status).toBe(404);
  });

  it('cannot be posed as over HTTP', async () => {
    const response = await fetch(`${gateway.url}/config`, {
      headers: { 'x-aztm-ticket': 'guessed', 'x-aztm-from-jid': 'peer@xmpp.test' },
    });
    expect(response.status).toBe(200); // as the default user of development, not as a peer
  });

  it('is told a stream in pieces, as it is written', async () => {
    const streamed = await ask({ resource: '/orchestrate/stream?task=plain+answer' });
    expect(streamed.status).toBe(200);
    expect(streamed.text).toContain('event: response.completed');
    expect(streamed.pieces).toBeGreaterThan(1);
  });

  it('is refused for a method that is none', async () => {
    await expect(ask({ method: 'TRACE' })).rejects.toMatchObject({ code: 'method_not_allowed' });
  });
});
