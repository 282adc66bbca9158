import { describe, expect, it } from '@jest/globals';
import type { Bus } from '@switchyard/bus';
import type { CarriedFrame } from '@switchyard/contracts';
import { gatewayOverBus } from './gateway-over-bus.ts';

const MB = 1_048_576;
/** Answers each request with a file of `bytes`, in pieces, all at once. */
const gateway = (bytes: number): Pick<Bus, 'request'> =>
  ({
    request: (_contract: unknown, _input: unknown, { onProgress }: { onProgress: (frame: CarriedFrame) => void }) => {
      onProgress({ head: { status: 200, headers: [['content-type', 'application/octet-stream']] } });
      for (let at = 0; at < bytes; at += MB / 4) onProgress({ chunk: Buffer.alloc(MB / 4, 7).toString('base64') });
      return Promise.resolve({ status: 200, headers: [], body: '' });
    },
  }) as unknown as Pick<Bus, 'request'>;
const call = (signal: AbortSignal) => ({
  principal: { tenantId: 't', userId: 'u', role: 'user', via: 'xmpp' } as const,
  from: 'bob@x.test/r',
  request: { method: 'GET', resource: '/', headers: [], body: Buffer.alloc(0) },
  timeoutMs: 1_000,
  signal,
});
const lengthOf = async (pieces: AsyncIterable<Uint8Array> = (async function* () {})()): Promise<number> => {
  let length = 0;
  for await (const piece of pieces) length += piece.length;
  return length;
};

describe('answers of the gateway in pieces', () => {
  it('that nobody reads to their end give back the room that they took', async () => {
    const ask = gatewayOverBus(gateway(MB), 2 * MB, 3 * MB);
    for (let n = 0; n < 10; n += 1) {
      const over = new AbortController();
      const { pieces } = await ask(call(over.signal));
      if (n % 2 === 0) for await (const _ of pieces ?? []) break; // a reader that leaves; every other one never came
      over.abort();
    }
    const { response, pieces } = await ask(call(new AbortController().signal));
    expect([response.status, await lengthOf(pieces)]).toEqual([200, MB]);
  });

  it('share a bounded room while they wait to be read', async () => {
    const ask = gatewayOverBus(gateway(MB), 2 * MB, 1.5 * MB);
    const first = await ask(call(new AbortController().signal));
    const second = await ask(call(new AbortController().signal));
    await expect(lengthOf(second.pieces)).rejects.toThrow('too slow');
    expect(await lengthOf(first.pieces)).toBe(MB);
  });
});
