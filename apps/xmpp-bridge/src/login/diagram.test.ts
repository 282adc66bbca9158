import { expect, it } from '@jest/globals';
import { drawnTransitions, type Transition, transitionLines } from '@switchyard/testing';
import { type Element, xml } from '@xmpp/client';
import { advance, LOGIN_START, type LoginContext, type LoginEvent, type LoginState } from './machine.ts';
import { NS } from './stanzas.ts';

const DEPTH = 10;
const SIGNATURE = 'c2ln';

const features = (...children: Element[]) => xml('stream:features', { 'xmlns:stream': NS.streams }, ...children);
const element = (of: Element): LoginEvent => ({ type: 'element', element: of });

/** What a server and its connection can do in a login that goes well. */
const EVENTS: readonly LoginEvent[] = [
  { type: 'connected' },
  { type: 'header' },
  { type: 'secured', tls: { version: 'TLSv1.3', verified: true, bindings: [], fingerprint: '', certificate: null } },
  { type: 'proved', proof: { clientFinal: 'final', serverSignature: SIGNATURE } },
  element(features(xml('starttls', { xmlns: NS.tls }))),
  element(features(xml('mechanisms', { xmlns: NS.sasl }, xml('mechanism', {}, 'SCRAM-SHA-256')))),
  element(features(xml('mechanisms', { xmlns: NS.sasl }, xml('mechanism', {}, 'PLAIN')))),
  element(features(xml('bind', { xmlns: NS.bind }))),
  element(xml('proceed', { xmlns: NS.tls })),
  element(xml('challenge', { xmlns: NS.sasl })),
  element(xml('success', { xmlns: NS.sasl }, Buffer.from(`v=${SIGNATURE}`).toString('base64'))),
  element(
    xml('iq', { type: 'result', id: 'bind' }, xml('bind', { xmlns: NS.bind }, xml('jid', {}, 'ada@example.org/one'))),
  ),
];

const nameOf = (event: LoginEvent): string =>
  event.type === 'element' ? event.element.getName().replace('stream:', '') : event.type;

/** Network events come only while the machine waits for them; elements may come whenever a stream is open. */
function isPossible(event: LoginEvent, { awaits }: LoginState): boolean {
  if (event.type === 'connected') return awaits === 'connection';
  if (event.type === 'secured') return awaits === 'tls';
  if (event.type === 'proved') return awaits === 'proof';
  return awaits !== 'connection' && awaits !== 'tls';
}

function* transitionsFrom(state: LoginState, context: LoginContext, depth: number): Generator<Transition> {
  if (depth === 0 || state.awaits === 'nothing') return;
  const closed = advance(state, { type: 'closed' }, context);
  expect(closed.actions).toMatchObject([{ do: 'fail' }]); // login --> failed, from every step
  expect(advance(closed.state, { type: 'connected' }, context).actions).toEqual([]);
  for (const event of EVENTS.filter((each) => isPossible(each, state))) {
    const { state: after, actions } = advance(state, event, context);
    if (actions.some((action) => action.do === 'fail')) continue;
    const to = actions.some((action) => action.do === 'online') ? 'online' : after.step;
    yield { from: state.step, event: nameOf(event), to };
    if (after !== state) yield* transitionsFrom(after, context, depth - 1);
  }
}

it('the diagram of a login shows every transition between its steps, and no other', () => {
  const contexts = (['starttls', 'direct', 'off'] as const).flatMap((mode) =>
    [true, false].map((allowPlain): LoginContext => ({
      domain: 'example.org',
      user: 'ada',
      resource: 'one',
      mode,
      binding: 'prefer',
      allowPlain,
      nonce: 'n',
      bindId: 'bind',
    })),
  );
  const transitions = contexts.flatMap((context) => [...transitionsFrom(LOGIN_START, context, DEPTH)]);
  expect(drawnTransitions('The XMPP login')).toEqual(transitionLines(transitions));
});
