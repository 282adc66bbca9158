import { describe, expect, it } from '@jest/globals';
import { createMemoryBus } from '@switchyard/bus';
import { createLogger } from '@switchyard/platform';
import { until } from '@switchyard/testing';
import { type Element, xml } from '@xmpp/client';
import { Answers } from './answers.ts';

const log = createLogger({ app: 'test', level: 'silent' });
const hub = createMemoryBus({ log });

function replica(name: string) {
  const taken: Element[] = [];
  const dropped: (string | undefined)[] = [];
  const answers = new Answers({
    bus: hub.connect('xmpp-bridge'),
    name,
    take: (message) => void taken.push(message),
    isPeer: (jid) => jid === 'ada@x',
    onDropped: (from) => void dropped.push(from),
    log,
  });
  answers.start();
  return { answers, taken, dropped };
}
const said = (id: string, from = 'ada@x/r') =>
  xml('message', { type: 'chat', from, id }, xml('subject', {}, '/a:response'), xml('body', {}, '{"a":"שלום\\n<"}'));

describe('answers that come to the account', () => {
  it('reach the replica that asked as they were said, and no other', async () => {
    const [serving, asking, other] = [replica('aaaaaaaa01'), replica('bbbbbbbb02'), replica('cccccccc03')];
    const id = asking.answers.newId();
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    serving.answers.handOn(said(id));
    await until(() => asking.taken.length === 1);
    const { attrs } = asking.taken[0]!;
    expect(attrs).toMatchObject({ from: 'ada@x/r', id, type: 'chat' });
    expect(asking.taken[0]!.getChildText('subject')).toBe('/a:response');
    expect(asking.taken[0]!.getChildText('body')).toBe('{"a":"שלום\\n<"}');
    expect([serving.taken, other.taken]).toEqual([[], []]);
    serving.answers.handOn(said(serving.answers.newId()));
    expect(serving.taken).toHaveLength(1);
  });

  it('reach it also without an id, by the other name of the question', async () => {
    const [serving, asking] = [replica('1aaaaaaa01'), replica('1bbbbbbb02')];
    const corr = asking.answers.newId();
    const nameless = said('');
    delete nameless.attrs['id'];
    serving.answers.handOn(nameless, corr);
    serving.answers.handOn(said('5ab0c1f2-1'), corr);
    await until(() => asking.taken.length === 2);
    expect(asking.taken.map(({ attrs }) => attrs['id'])).toEqual([corr, corr]);
  });

  it('are dropped and counted where they come from an unknown JID, name no replica, or one that is gone', async () => {
    const serving = replica('dddddddd04');
    const gone = replica('eeeeeeee05');
    const id = gone.answers.newId();
    await gone.answers.stop();
    serving.answers.handOn(said(id));
    serving.answers.handOn(said(replica('ffffffff06').answers.newId(), 'eve@x/r'));
    serving.answers.handOn(said('0b8c2c4e-54f5-4f0e-8f0b-6f0e8a0f1d11'));
    serving.answers.handOn(said('0b8c2c4e-54*.4f0e-8f0b-6f0e8a0f1d11'));
    await until(() => serving.dropped.length === 4);
    expect(serving.taken).toEqual([]);
  });
});
