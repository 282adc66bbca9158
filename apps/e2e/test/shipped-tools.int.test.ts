import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { freePort } from '@switchyard/local-servers';
import { FAKE_CLIENT, type FakeGoogle, startFakeGoogle, until } from '@switchyard/testing';
import { dataOf, headersOf, named, startSystem, stream, type System } from '../src/index.ts';
import { Browser } from './browser.ts';

/** An e-mail and an event in the calendar, asked for in words, with the tools that ship: through the whole system. */

let google: FakeGoogle;
let system: System;
const ANN = headersOf({ user: 'ann' });

beforeAll(async () => {
  google = await startFakeGoogle();
  const port = await freePort();
  system = await startSystem({
    env: {
      GATEWAY_PORT: String(port),
      PUBLIC_URL: `http://127.0.0.1:${port}`,
      VAULT_KEYS: `k:${randomBytes(32).toString('base64')}`,
      GOOGLE_CLIENT_ID: FAKE_CLIENT.id,
      GOOGLE_CLIENT_SECRET: FAKE_CLIENT.secret,
      GOOGLE_API_URL: google.url,
      EGRESS_ALLOW_HOSTS: new URL(google.url).host,
    },
  });
}, 120_000);
afterAll(async () => {
  await system?.stop();
  await google?.close();
});

const get = async (path: string) =>
  (await (await fetch(system.gateway + path, { headers: ANN })).json()) as Record<string, unknown>;

/** As a person does on the page: start, the provider, back. */
async function connect(provider: string): Promise<void> {
  const browser = new Browser({ 'x-user-id': 'ann' });
  const at = `${system.gateway}/api/mcp/auth`;
  const started = await browser.send(`${at}/${provider}/start`, {
    method: 'POST',
    headers: { accept: 'application/json', 'content-type': 'application/json' },
    body: '{}',
  });
  const { authorization_url } = (await started.json()) as { authorization_url: string };
  expect((await browser.open(authorization_url)).url).toBe(`${at}?connected=${provider}`);
}

/** Answers what the run asks, as the person who is asked. */
async function approve(runId: string): Promise<void> {
  const open = async () => ((await get(`/runs/${runId}`))['approvals'] ?? []) as { approval_id: string }[];
  await until(async () => (await open()).length === 1, 30_000);
  const [{ approval_id: id } = { approval_id: '' }] = await open();
  const body = JSON.stringify({ decision: 'approve' });
  const answer = await fetch(`${system.gateway}/runs/${runId}/approvals/${id}`, { method: 'POST', headers: ANN, body });
  expect(answer.status).toBe(202);
}

it('sends the mail once a person approved it and creates the event, with these providers alone', async () => {
  const providers = ['gmail', 'google_calendar'];
  for (const provider of providers) await connect(provider);
  const mail = { to: 'john@example.com', subject: 'Quarterly report', body: 'It is done.' };
  const event = { title: 'Review of the report', start: '2030-03-01T15:00:00Z' };
  const calls = [
    { name: 'gmail__send', arguments: mail },
    { name: 'google_calendar__create_event', arguments: event },
  ];
  system.model.setScript({ rules: [{ when: { turn: 1 }, respond: { toolCalls: calls } }] });
  const request = {
    task: 'Send an email and create a calendar event',
    run_id: 'mail-and-event',
    tool_constraints: { mode: 'custom', providers },
  };
  const streaming = stream(system.gateway, request, { user: 'ann' });
  await approve('mail-and-event');
  const events = await streaming;
  expect(dataOf(events, 'response')).toMatchObject({ status: 'success' });
  for (const { data } of named(events, 'mcp.toolbox.generated'))
    expect(data).toMatchObject({ tool_count: 9, providers, cache_hit: false });
  expect(google.sent).toHaveLength(1);
  expect(google.sent[0]).toContain('To: john@example.com\r\nSubject: Quarterly report');
  expect([...google.events.values()]).toMatchObject([{ summary: event.title, status: 'confirmed' }]);
  const { effects } = (await get('/effects?run_id=mail-and-event')) as { effects: { tool: string; state: string }[] };
  expect(effects.map(({ tool }) => tool).sort()).toEqual(['gmail__send', 'google_calendar__create_event']);
  const told = JSON.stringify(events);
  for (const token of google.grants.access.keys()) expect(told).not.toContain(token);
}, 120_000);

it('offers none of them to a user who has authorised nothing', async () => {
  const answer = await fetch(`${system.gateway}/tools?providers=gmail,google_calendar,slack`, {
    headers: headersOf({ user: 'bob' }),
  });
  expect(await answer.json()).toEqual({ tools: [], next_cursor: null });
  const { providers } = await get('/api/mcp/auth/providers');
  expect(providers).toContainEqual(expect.objectContaining({ provider: 'slack', status: 'not_configured' }));
});
