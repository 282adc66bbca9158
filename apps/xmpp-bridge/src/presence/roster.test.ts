import { describe, expect, it } from '@jest/globals';
import { type Element, xml } from '@xmpp/client';
import { Roster } from './roster.ts';

const OWN = 'me@x.y/r';
const push = (from: string | undefined, ...items: [string, string][]): Element =>
  xml(
    'iq',
    { type: 'set', ...(from === undefined ? {} : { from }) },
    xml(
      'query',
      { xmlns: 'jabber:iq:roster' },
      ...items.map(([jid, subscription]) => xml('item', { jid, subscription })),
    ),
  );

describe('the roster', () => {
  it('holds those with whom a subscription was agreed to, as the account says', async () => {
    const roster = new Roster();
    await roster.onQuestion(push(undefined, ['Ada@x.y', 'both'], ['bob@x.y', 'none'], ['eve@x.y', 'from']), OWN);
    expect(['ada@x.y', 'bob@x.y', 'eve@x.y'].map((jid) => roster.has(jid))).toEqual([true, false, true]);
    await roster.onQuestion(push('me@x.y', ['ada@x.y', 'remove']), OWN);
    expect(roster.has('ada@x.y')).toBe(false);
    roster.clear();
    expect(roster.has('eve@x.y')).toBe(false);
  });

  it('takes no change from anybody else', () => {
    const roster = new Roster();
    expect(() => roster.onQuestion(push('eve@x.y', ['eve@x.y', 'both']), OWN)).toThrow('service-unavailable');
    expect(roster.has('eve@x.y')).toBe(false);
  });

  it('leaves other questions to others', () => {
    expect(new Roster().onQuestion(xml('iq', { type: 'set' }, xml('other')), OWN)).toBeUndefined();
  });
});
