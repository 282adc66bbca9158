import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { listTools, REQUESTS } from '@switchyard/contracts';
import { connect, type NatsConnection } from 'nats';
import { dataOf, startSystem, stream, type System } from '../src/index.ts';

let system: System;
let raw: NatsConnection;
beforeAll(async () => {
  system = await startSystem();
  raw = await connect({ servers: system.natsUrl });
});
afterAll(async () => {
  await raw?.close();
  await system?.stop();
});

const bytes = (text: string) => new TextEncoder().encode(text);
const GARBAGE: [string, Uint8Array][] = [
  ['no JSON', bytes('{')],
  ['an array', bytes('[]')],
  ['a number', bytes('5')],
  ['bytes that are no text', new Uint8Array([0xff, 0xfe, 0x00, 0x80])],
  [
    'wrong types',
    bytes(
      '{"principal": 5, "runId": {}, "run": [], "tool": null, "threadId": 1, "constraints": "x", "limit": "y", "task": 7}',
    ),
  ],
  [
    'hostile ids',
    bytes(
      '{"principal": {"tenantId": "a.>", "userId": "*", "role": "user", "via": "dev"}, "runId": "a.>", "threadId": ">", "constraints": {"mode": "custom", "tools": 5}, "since": "x"}',
    ),
  ],
  ['a deep value', bytes(`${'['.repeat(50_000)}${']'.repeat(50_000)}`)],
  ['nearly a megabyte of nothing', bytes(`"${'x'.repeat(1_000_000)}"`)],
];
// What takes an empty object has nothing that could be wrong in it; what only one replica hears, by a name that it
// made up, nobody can call here.
const ANSWERED = REQUESTS.filter(
  ({ answeredBy, subject }) =>
    answeredBy !== 'computer-use' && subject !== 'rpc.xmpp.status' && !subject.endsWith('.*'),
);

describe.each(ANSWERED.map(({ subject }) => subject))('%s', (subject) => {
  it.each(GARBAGE)('answers %s with a clear refusal', async (_name, body) => {
    const answer = await raw.request(subject, body, { timeout: 30_000 });
    expect(answer.headers?.get('error-code')).toBe('invalid_input');
    expect(answer.json()).toMatchObject({ code: 'invalid_input', message: expect.any(String) });
  });
});

it('still runs a task after all of that, and lists its tools to a stock client', async () => {
  const listed = (await raw.request(listTools.subject, bytes('{}'), { timeout: 30_000 })).json<{
    tools: { name: string }[];
  }>();
  expect(listed.tools.map(({ name }) => name)).toContain('calculator');
  const events = await stream(system.gateway, { task: 'calculate 6*7' });
  expect(dataOf(events, 'response.completed')).toMatchObject({ status: 'success' });
});
