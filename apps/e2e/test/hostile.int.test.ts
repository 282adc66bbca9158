import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { APPS, listTools, type RequestContract, REQUESTS } from '@switchyard/contracts';
import { stockClient } from '@switchyard/local-servers';
import { signedAs } from '@switchyard/testing';
import { connect, headers, type Msg, type NatsConnection } from 'nats';
import { dataOf, startSystem, stream, type System } from '../src/index.ts';

let system: System;
let raw: NatsConnection;
beforeAll(async () => {
  system = await startSystem();
  raw = await connect(stockClient(system.servers.nats.url, 'operator'));
});
afterAll(async () => {
  await raw?.close();
  await system?.stop();
});

/** What somebody asks who has the keys of a service that may, and none of our library. */
function signed({ subject, askedBy, answeredBy }: RequestContract, body: Uint8Array): Promise<Msg> {
  const asker = APPS.find((app) => askedBy.includes(app))!;
  const { trust } = system.servers.busOf(asker);
  const { caller, reply } = signedAs(asker, answeredBy, trust, { subject, body });
  const beside = headers();
  beside.set('caller', caller);
  return raw.request(subject, body, { timeout: 30_000, noMux: true, reply, headers: beside });
}

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

describe.each(ANSWERED.map((contract) => [contract.subject, contract] as const))('%s', (_subject, contract) => {
  it.each(GARBAGE)('answers %s with a clear refusal', async (_name, body) => {
    const answer = await signed(contract, body);
    expect(answer.headers?.get('error-code')).toBe('invalid_input');
    expect(answer.json()).toMatchObject({ code: 'invalid_input', message: expect.any(String) });
  });
});

it('tells nothing to who does not sign what is asked', async () => {
  const answer = await raw.request(listTools.subject, bytes('{}'), { timeout: 30_000 });
  expect(answer.headers?.get('error-code')).toBe('caller_not_trusted');
});

it('still runs a task after all of that, and lists its tools to a client that signs', async () => {
  const listed = (await signed(listTools, bytes('{}'))).json<{
    tools: { name: string }[];
  }>();
  expect(listed.tools.map(({ name }) => name)).toContain('calculator');
  const events = await stream(system.gateway, { task: 'calculate 6*7' });
  expect(dataOf(events, 'response.completed')).toMatchObject({ status: 'success' });
});
