import { describe, expect, it } from '@jest/globals';
import { xml } from '@xmpp/client';
import { until } from '@switchyard/testing';
import { handsOn, ReplyListener } from './reply-listener.ts';

const ACCOUNT = 'bob@x';
const served = (type?: string, ...more: ReturnType<typeof handsOn>[]) =>
  xml('presence', { from: `${ACCOUNT}/aztm`, ...(type === undefined ? {} : { type }) }, ...more);

function world(lingerMs = 60_000) {
  const priorities: number[] = [];
  const session = { open: true, announce: (priority: number) => void priorities.push(priority) };
  return { priorities, session, replyListener: new ReplyListener(ACCOUNT, lingerMs) };
}

describe('who hears what peers answer to the account', () => {
  it('nobody but the session that serves and hands answers on', async () => {
    const { priorities, session, replyListener } = world();
    replyListener.takePresence(served(undefined, handsOn()), session);
    expect(await replyListener.during(session, () => Promise.resolve('answered'))).toBe('answered');
    expect(priorities).toEqual([]);
  });

  it.each([
    ['nobody serves', served('unavailable')],
    ['who serves does not hand answers on', served()],
    ['somebody else says so', xml('presence', { from: 'eve@x/aztm' }, handsOn())],
  ])('who has a question open, where %s', async (_, presence) => {
    const { priorities, session, replyListener } = world();
    replyListener.takePresence(presence, session);
    await replyListener.during(session, () => Promise.resolve());
    await replyListener.during(session, () => Promise.resolve());
    expect(priorities).toEqual([10]); // raised once for both questions
  });

  it('also where the session that served leaves while the question is open, until the next one is there', async () => {
    const { priorities, session, replyListener } = world();
    replyListener.takePresence(served(undefined, handsOn()), session);
    let answer: () => void = () => undefined;
    const asked = replyListener.during(session, () => new Promise<void>((resolve) => (answer = resolve)));
    replyListener.takePresence(served('unavailable'), session);
    expect(priorities).toEqual([10]);
    replyListener.takePresence(served(undefined, handsOn()), session);
    expect(priorities).toEqual([10, -1]);
    answer();
    await asked;
    replyListener.takePresence(served('unavailable'), session);
    expect(priorities).toEqual([10, -1]);
  });

  it('not any more some time after the last question, also where that failed', async () => {
    const { priorities, session, replyListener } = world(5);
    await replyListener.during(session, () => Promise.reject(new Error('no answer'))).catch(() => undefined);
    await until(() => priorities.length === 2);
    expect(priorities).toEqual([10, -1]);
  });

  it('says nothing over a session that is gone, and begins anew with the next', async () => {
    const { priorities, session, replyListener } = world();
    await replyListener.during(session, () => Promise.resolve());
    replyListener.clear();
    const next = { ...session };
    await replyListener.during(next, () => Promise.resolve());
    expect(priorities).toEqual([10, 10]);
  });
});
