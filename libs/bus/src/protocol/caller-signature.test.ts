import { describe, expect, it } from '@jest/globals';
import { busKeysFor, busKeysForOperator, parseBusKeys } from '@switchyard/contracts';
import { fc } from '@switchyard/testing/property';
import { checkRequest, SIGNATURE_HOLDS_MS, type SignedMessage, signRequest } from './caller-signature.ts';

const ROOT = 'a root secret of a test';
const NOW = 1_700_000_000_000;
const keysOf = (service: string, asker: string, answerer: string, root = ROOT) =>
  parseBusKeys(busKeysFor(service, root)).filter((key) => key.asker === asker && key.answerer === answerer);
const asked = keysOf('gateway', 'gateway', 'orchestrator');
const answering = parseBusKeys(busKeysFor('orchestrator', ROOT)).filter(({ answerer }) => answerer === 'orchestrator');
const message: SignedMessage = {
  subject: 'rpc.runs.get',
  deadline: '1700000005000',
  idempotencyKey: 'order-66',
  body: new TextEncoder().encode('{"runId":"r1"}'),
};
const signed = signRequest(message, { keys: asked, now: NOW });

describe('the signature of a request', () => {
  it('tells the answering side who asks', () => {
    expect(checkRequest(signed, message, { keys: answering, now: NOW })).toEqual({ asker: 'gateway' });
  });

  it('fits no other subject, deadline, key or body', () => {
    const others: Partial<SignedMessage>[] = [
      { subject: 'rpc.runs.cancel' },
      { deadline: '1700000009000' },
      { deadline: undefined },
      { idempotencyKey: 'order-67' },
      { idempotencyKey: undefined },
      { body: new TextEncoder().encode('{"runId":"r2"}') },
    ];
    for (const other of others) {
      expect(() => checkRequest(signed, { ...message, ...other }, { keys: answering, now: NOW })).toThrow(/not signed/);
    }
  });

  it('cannot be made by a service that knows another pair’s key', () => {
    const stolen = keysOf('mcp-tool', 'orchestrator', 'mcp-tool');
    const forged = signRequest(message, {
      keys: stolen.map((key) => ({ ...key, asker: 'gateway', answerer: 'orchestrator' })),
      now: NOW,
    });
    expect(() => checkRequest(forged, message, { keys: answering, now: NOW })).toThrow(/not signed/);
  });

  it('holds for a minute, whichever clock is ahead', () => {
    for (const apart of [SIGNATURE_HOLDS_MS, -SIGNATURE_HOLDS_MS])
      expect(checkRequest(signed, message, { keys: answering, now: NOW + apart })).toBeDefined();
    for (const apart of [SIGNATURE_HOLDS_MS + 1, -SIGNATURE_HOLDS_MS - 1])
      expect(() => checkRequest(signed, message, { keys: answering, now: NOW + apart })).toThrow(/check the clocks/);
  });

  it('holds with either key while keys rotate, and with no other', () => {
    const pair = (id: string, root: string) => parseBusKeys(busKeysFor('orchestrator', root, id));
    const both = [...pair('2', 'the next root'), ...answering];
    expect(checkRequest(signed, message, { keys: both, now: NOW })).toEqual({ asker: 'gateway' });
    expect(() => checkRequest(signed, message, { keys: pair('2', 'the next root'), now: NOW })).toThrow(/not signed/);
  });

  it('names the operator, and lets one operator sign as no other and as no service', () => {
    const own = (person: string) =>
      parseBusKeys(busKeysForOperator(person, ROOT)).filter(({ answerer }) => answerer === 'orchestrator');
    const byAda = signRequest(message, { keys: own('ada'), person: 'ada', now: NOW })!;
    expect(checkRequest(byAda, message, { keys: answering, now: NOW })).toEqual({ asker: 'operator', person: 'ada' });
    const asBob = signRequest(message, { keys: own('ada'), person: 'bob', now: NOW });
    const asNobody = signRequest(message, { keys: own('ada'), now: NOW });
    const asGateway = byAda.replace('operator/ada', 'gateway');
    for (const forged of [asBob, asNobody, asGateway])
      expect(() => checkRequest(forged, message, { keys: answering, now: NOW })).toThrow(/not signed/);
  });

  it('is never taken from a header that somebody made up', () => {
    const text = fc.oneof(
      fc.string(),
      fc.string({ unit: 'binary' }),
      fc.constant(signed!).chain((whole) => mutated(whole)),
    );
    fc.assert(
      fc.property(text, (header) => {
        expect(() => checkRequest(header, message, { keys: answering, now: NOW })).toThrow(/trust/);
      }),
    );
  });
});

/** The header with one character changed, left out or added. */
function mutated(whole: string): fc.Arbitrary<string> {
  return fc
    .tuple(fc.nat(whole.length - 1), fc.string({ minLength: 0, maxLength: 2 }))
    .map(([at, by]) => whole.slice(0, at) + by + whole.slice(at + 1))
    .filter((header) => header !== whole);
}
