import { afterEach, describe, expect, it } from '@jest/globals';
import { encodeId } from '@switchyard/contracts';
import { fc } from '@switchyard/testing/property';
import { USER_THREAD } from '../src/runs/requests.ts';
import { type TestGateway, startTestGateway, parseSse } from './http.ts';

/* To which conversation a turn of GET /ag-ui/events belongs. */

let gateway: TestGateway;
afterEach(() => gateway?.stop());

const open = (message: string, headers: Record<string, string> = {}) =>
  fetch(`${gateway.url}/ag-ui/events?user_message=${encodeURIComponent(message)}`, {
    headers: { 'x-user-id': 'ada', ...headers },
  });
async function turn(message: string, headers: Record<string, string> = {}) {
  const response = await open(message, headers);
  const frames = parseSse(await response.text());
  const words = frames.flatMap(({ data }) => (data as { message?: string } | undefined)?.message ?? []);
  return { session: response.headers.get('x-session-id'), words };
}
const started = () => gateway.orchestrator.starts.map(({ run }) => run);

describe('a turn that names no session', () => {
  it('belongs to the one conversation of its user, and to nobody else’s', async () => {
    gateway = await startTestGateway();
    expect((await turn('play success')).session).toBeNull();
    await turn('play tool');
    await turn('play success', { 'x-user-id': 'bob' });
    await turn('play success', { 'x-tenant-id': 'other' });
    expect(new Set(started().map(({ thread_id }) => thread_id))).toEqual(new Set([USER_THREAD]));
    expect(started().map(({ principal: { tenantId, userId } }) => `${tenantId}/${userId}`)).toEqual([
      'default/ada',
      'default/ada',
      'default/bob',
      'other/ada',
    ]);
  });

  it('gives way to the session that is named, which is echoed', async () => {
    gateway = await startTestGateway();
    expect((await turn('play success', { 'x-session-id': 'mine' })).session).toBe('mine');
    expect(started().at(-1)?.thread_id).toBe('mine');
  });

  it('shares its conversation with no session, whatever that is called', () => {
    expect(encodeId(USER_THREAD)).not.toBe(USER_THREAD);
    fc.assert(fc.property(fc.string(), (session) => encodeId(session) !== USER_THREAD));
  });

  it('begins at once beside one that is under way: no window waits for another', async () => {
    gateway = await startTestGateway();
    const first = (await open('hang')).body!.getReader();
    await first.read();
    expect((await turn('play success')).words.at(-1)).toBeDefined();
    expect(started().at(-1)).not.toHaveProperty('thread_concurrency');
    expect(started().at(-1)).toMatchObject({ thread_id: USER_THREAD, interactive: true });
    await first.cancel();
  });

  it('answers what an earlier one asked', async () => {
    gateway = await startTestGateway();
    expect((await turn('play question')).words).toEqual(['Which city?']);
    expect((await turn('Oslo')).words).toEqual(['It rains in Paris.']);
    expect(gateway.orchestrator.decisions.at(-1)?.answer).toEqual({ decision: 'answer', text: 'Oslo' });
  });

  it('is a conversation of its own where CONVERSATION_BY says so', async () => {
    gateway = await startTestGateway({ CONVERSATION_BY: 'request' });
    await turn('play success');
    await turn('play success');
    const threads = started().map(({ thread_id }) => thread_id);
    expect(new Set(threads).size).toBe(2);
    expect(started()[0]).not.toHaveProperty('interactive');
  });
});
