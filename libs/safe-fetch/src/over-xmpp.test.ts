import { describe, expect, it } from '@jest/globals';
import type { CarriedFrame } from '@switchyard/contracts';
import { onBehalfOf, rememberBehalf } from '@switchyard/platform';
import { type XmppRequester, carryOverXmpp } from './over-xmpp.ts';

type Options = Parameters<XmppRequester['request']>[2];
/** A bridge that tells frames with pauses, and then nothing, until whoever asked leaves. */
const bridge = (frames: readonly CarriedFrame[], pauseMs: number): XmppRequester & { left: boolean } => {
  const asker = {
    left: false,
    request: async (_contract: unknown, _input: unknown, { signal, onProgress }: Options) => {
      for (const frame of frames) {
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
        onProgress?.(frame);
      }
      return new Promise((_resolve, reject) =>
        signal!.addEventListener('abort', () => {
          asker.left = true;
          reject(new Error('left'));
        }),
      );
    },
  };
  return asker as unknown as XmppRequester & { left: boolean };
};
const head: CarriedFrame = { head: { status: 200, headers: [['content-type', 'text/event-stream']] } };
const piece: CarriedFrame = { chunk: Buffer.from('x').toString('base64') };
const request = {
  url: new URL('http://a.test/'),
  method: 'GET',
  headers: new Headers(),
  body: null,
  signal: undefined,
};
const limits = { timeoutMs: 400, totalTimeoutMs: 60_000, maxResponseBytes: 1_000 };

describe('silence of a host that is reached over XMPP', () => {
  it('before the head ends the call in an error, on both sides', async () => {
    const asker = bridge([], 0);
    await expect(carryOverXmpp(asker)(request, limits)).rejects.toMatchObject({ code: 'upstream_timeout' });
    expect(asker.left).toBe(true);
  });

  it('within a body ends that in an error, while one that goes on slowly goes on', async () => {
    const asker = bridge([head, ...Array.from({ length: 12 }, () => piece)], 50); // longer than the limit in all
    const response = await carryOverXmpp(asker)(request, limits);
    const reader = response.body!.getReader();
    let text = '';
    const read = (async () => {
      for (;;) text += Buffer.from((await reader.read()).value!).toString();
    })();
    await expect(read).rejects.toMatchObject({ code: 'upstream_timeout' });
    expect([text, asker.left]).toEqual(['x'.repeat(12), true]);
  });
});

describe('a request of a mapped host', () => {
  it('says on whose behalf it is made, where somebody asked for the work, and nothing else', async () => {
    const inputs: { onBehalfOf?: unknown }[] = [];
    const asker = {
      request: async (_contract: unknown, input: { onBehalfOf?: unknown }) => {
        inputs.push(input);
        return { status: 204, headers: [], body: '' };
      },
    } as unknown as XmppRequester;
    const ada = { tenantId: 'acme', userId: 'ada', runId: 'run-1' };
    rememberBehalf();
    await onBehalfOf(ada, () => carryOverXmpp(asker)(request, limits));
    await carryOverXmpp(asker)(request, limits);
    expect(inputs.map(({ onBehalfOf: whose }) => whose)).toEqual([ada, undefined]);
  });
});
