import { describe, expect, it } from '@jest/globals';
import { type Element, xml } from '@xmpp/client';
import { IncomingStreams, NS_IBB, StreamCut } from './ibb.ts';
import type { Session } from '../session/session.ts';

const BOB = 'bob@x.test/aztm';
const session = { open: true, ask: () => Promise.resolve(xml('iq')) } as unknown as Session;
const iq = (from: string, name: string, attributes: Record<string, string>, text = ''): Element =>
  xml('iq', { type: 'set', from }, xml(name, { xmlns: NS_IBB, ...attributes }, text));
const open = (from: string, sid: string, over: Record<string, string> = {}) =>
  iq(from, 'open', { sid, 'block-size': '8192', stanza: 'iq', ...over });
const never = new AbortController().signal;
const streams = () => new IncomingStreams((jid) => jid === 'bob@x.test' || jid === 'carl@x.test');
/** What somebody who opens a stream is told at once. */
const refusal = (incoming: IncomingStreams, stanza: Element): string | undefined => {
  try {
    incoming.onQuestion(stanza)?.catch(() => undefined);
    return undefined;
  } catch (error) {
    return (error as { condition: string }).condition;
  }
};

describe('streams of peers', () => {
  it('that are opened before they are read wait for it, from those that are called alone', () => {
    const incoming = streams();
    for (let n = 0; n < 1_000; n += 1) expect(refusal(incoming, open(`eve${n}@x.test/r`, 's'))).toBe('not-acceptable');
    expect(refusal(incoming, open(BOB, 's'))).toBeUndefined();
    expect(refusal(incoming, open(BOB, 's'))).toBe('not-acceptable');
    incoming.cutAll();
  });

  it('wait so in a bounded number of each, which leaves room for others', () => {
    const incoming = streams();
    const told = Array.from({ length: 100 }, (_, n) => refusal(incoming, open(BOB, `s${n}`)));
    expect(told.filter((each) => each === 'resource-constraint').length).toBe(36);
    expect(refusal(incoming, open('carl@x.test/aztm', 's'))).toBeUndefined();
    incoming.cutAll();
  });

  it('are refused where their blocks are larger than is kept, or come in messages', () => {
    const incoming = streams();
    expect(refusal(incoming, open(BOB, 'a', { 'block-size': '65535' }))).toBe('resource-constraint');
    expect(refusal(incoming, open(BOB, 'b', { 'block-size': 'x' }))).toBe('bad-request');
    expect(refusal(incoming, open(BOB, 'c', { stanza: 'message' }))).toBe('not-acceptable');
    expect(refusal(incoming, open(BOB, 'd', { 'block-size': '16384' }))).toBeUndefined();
    incoming.cutAll();
  });

  it('of a session that left end in an error after what had come, those of others go on', async () => {
    const incoming = streams();
    const [gone, there] = [incoming.read(session, BOB, 's', never), incoming.read(session, 'bob@x.test/b', 's', never)];
    const [first, other] = [gone.next(), there.next()];
    for (const from of [BOB, 'bob@x.test/b'])
      void incoming.onQuestion(iq(from, 'data', { sid: 's', seq: '0' }, 'aGk='));
    expect((await first).value?.toString()).toBe('hi');
    expect((await other).value?.toString()).toBe('hi');
    incoming.cutFrom(BOB);
    await expect(gone.next()).rejects.toThrow(StreamCut);
    const last = there.next();
    void incoming.onQuestion(iq('bob@x.test/b', 'close', { sid: 's' }));
    expect(await last).toEqual({ done: true, value: undefined });
  });
});
