import { describe, expect, it } from '@jest/globals';
import { xml } from '@xmpp/client';
import { until } from '@switchyard/testing';
import { handsOn, Hearing } from './hearing.ts';

const ACCOUNT = 'bob@x';
const served = (type?: string, ...more: ReturnType<typeof handsOn>[]) =>
  xml('presence', { from: `${ACCOUNT}/aztm`, ...(type === undefined ? {} : { type }) }, ...more);

function world(lingerMs = 60_000) {
  const priorities: number[] = [];
  const session = { open: true, announce: (priority: number) => void priorities.push(priority) };
  return { priorities, session, hearing: new Hearing(ACCOUNT, lingerMs) };
}

describe('who hears what peers answer to the account', () => {
  it('nobody but the session that serves and hands answers on', async () => {
    const { priorities, session, hearing } = world();
    hearing.takePresence(served(undefined, handsOn()), session);
    expect(await hearing.during(session, () => Promise.resolve('answered'))).toBe('answered');
    expect(priorities).toEqual([]);
  });

  it.each([
    ['nobody serves', served('unavailable')],
    ['who serves does not hand answers on', served()],
    ['somebody else says so', xml('presence', { from: 'eve@x/aztm' }, handsOn())],
  ])('who has a question open, where %s', async (_, presence) => {
    const { priorities, session, hearing } = world();
    hearing.takePresence(presence, session);
    await hearing.during(session, () => Promise.resolve());
    await hearing.during(session, () => Promise.resolve());
    expect(priorities).toEqual([10]); // raised once for both questions
  });

  it('also where the session that served leaves while the question is open, until the next one is there', async () => {
    const { priorities, session, hearing } = world();
    hearing.takePresence(served(undefined, handsOn()), session);
    let answer: () => void = () => undefined;
    const asked = hearing.during(session, () => new Promise<void>((resolve) => (answer = resolve)));
    hearing.takePresence(served('unavailable'), session);
    expect(priorities).toEqual([10]);
    hearing.takePresence(served(undefined, handsOn()), session);
    expect(priorities).toEqual([10, -1]);
    answer();
    await asked;
    hearing.takePresence(served('unavailable'), session);
    expect(priorities).toEqual([10, -1]);
  });

  it('not any more some time after the last question, also where that failed', async () => {
    const { priorities, session, hearing } = world(5);
    await hearing.during(session, () => Promise.reject(new Error('no answer'))).catch(() => undefined);
    await until(() => priorities.length === 2);
    expect(priorities).toEqual([10, -1]);
  });

  it('says nothing over a session that is gone, and begins anew with the next', async () => {
    const { priorities, session, hearing } = world();
    await hearing.during(session, () => Promise.resolve());
    hearing.clear();
    const next = { ...session };
    await hearing.during(next, () => Promise.resolve());
    expect(priorities).toEqual([10, 10]);
  });
});
