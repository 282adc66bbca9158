import { describe, expect, it } from '@jest/globals';
import { type Element, xml } from '@xmpp/client';
import { IncomingChunks } from './chunks.ts';
import { NS_HTTP } from './xep-0332.ts';

const never = new AbortController().signal;
const chunk = (nr: number, text: string, over: { last?: boolean; from?: string; id?: string } = {}): Element => {
  const { last = false, from = 'ada@x/r', id = 's' } = over;
  const attrs = { xmlns: NS_HTTP, streamId: id, nr: String(nr), ...(last ? { last: 'true' } : {}) };
  return xml('message', { from }, xml('chunk', attrs, Buffer.from(text).toString('base64')));
};

describe('a body in chunks', () => {
  it('is put together in order', async () => {
    const chunks = new IncomingChunks();
    const body = chunks.take('ada@x/r', 's', 100, never);
    expect(chunks.onMessage(chunk(0, 'ab'))).toBe(true);
    chunks.onMessage(chunk(0, 'xx', { from: 'eve@x/r' }));
    chunks.onMessage(chunk(1, 'cd', { last: true }));
    expect((await body).toString()).toBe('abcd');
  });

  it.each([
    ['with a hole', [chunk(0, 'ab'), chunk(2, 'ef', { last: true })], 400],
    ['longer than it may be', [chunk(0, 'x'.repeat(101))], 413],
    [
      'that its sender gave up',
      [chunk(0, 'a'), xml('message', { from: 'ada@x/r' }, xml('close', { xmlns: NS_HTTP, streamId: 's' }))],
      400,
    ],
  ])('%s is refused whole', async (_name, messages, status) => {
    const chunks = new IncomingChunks();
    const body = chunks.take('ada@x/r', 's', 100, never).catch((error: unknown) => error);
    for (const message of messages) chunks.onMessage(message);
    expect(await body).toMatchObject({ status });
  });

  it('ends with the connection, and with whoever waits for it', async () => {
    const chunks = new IncomingChunks();
    const left = new AbortController();
    const bodies = [chunks.take('a@x/r', 's', 9, never), chunks.take('b@x/r', 's', 9, left.signal)];
    const failed = bodies.map((body) => body.catch((error: unknown) => error));
    left.abort();
    chunks.cutAll();
    for (const error of await Promise.all(failed)) expect(error).toMatchObject({ status: 400 });
  });

  it('ends with the session of its sender alone', async () => {
    const chunks = new IncomingChunks();
    const gone = chunks.take('a@x/r', 's', 9, never).catch((error: unknown) => error);
    const there = chunks.take('a@x/other', 's', 9, never);
    chunks.cutFrom('a@x/r');
    expect(await gone).toMatchObject({ status: 400 });
    chunks.onMessage(chunk(0, 'ab', { from: 'a@x/other', last: true }));
    expect((await there).toString()).toBe('ab');
  });

  it('may come before the answer that announces it, from whom was asked and nobody else', async () => {
    const chunks = new IncomingChunks();
    const close = chunks.opened('ada@x/r');
    chunks.onMessage(chunk(0, 'ab', { last: true }));
    const body = await chunks.take('ada@x/r', 's', 100, never);
    close();
    expect(body.toString()).toBe('ab');
  });
});
