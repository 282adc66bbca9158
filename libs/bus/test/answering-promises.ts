import { describe, expect, it } from '@jest/globals';
import { AppError } from '@switchyard/contracts';
import { prepareAnswer } from '../src/index.ts';
import { echo, nested, slow } from './fixtures.ts';
import { byClock } from './harness.ts';
import type { Parties } from './parties.ts';

/** Every request gets one answer that fits its contract, or a refusal that says why; nothing that comes ends it. */
export function describeAnswering(parties: Parties): void {
  const itWaits = byClock(parties.wire);
  describe('answering', () => {
    it('hands on a refusal as it was meant, and nothing of an unexpected error', async () => {
      const refuse = new AppError('rate_limited', 'Slowly.', {
        retryAfterMs: 1_234,
        details: ['a: b'],
        cause: new Error('secret of the house'),
      });
      await parties.answering([echo, async () => Promise.reject(refuse)], async () => {
        const error = await parties.asker.request(echo, { text: 'a' }).catch((thrown: AppError) => thrown);
        expect(error).toMatchObject({
          code: 'rate_limited',
          message: 'Slowly.',
          retryAfterMs: 1_234,
          details: ['a: b'],
        });
        expect(JSON.stringify(error) + String(error)).not.toContain('secret');
      });
      await parties.answering([echo, async () => Promise.reject(new Error('secret of the house'))], async () => {
        const error = await parties.asker.request(echo, { text: 'a' }).catch((thrown: AppError) => thrown);
        expect(error).toMatchObject({ code: 'internal' });
        expect(JSON.stringify(error) + String(error)).not.toContain('secret');
      });
    });

    it('a refusal of any size, or none, kills nothing', () =>
      parties.answering(
        [
          echo,
          async ({ text }) => {
            if (text === 'large') throw new AppError('tool_failed', 'x'.repeat(2_000_000));
            if (text === 'nothing') throw undefined;
            return { text };
          },
        ],
        async () => {
          await expect(parties.asker.request(echo, { text: 'large' })).rejects.toMatchObject({ code: 'tool_failed' });
          await expect(parties.asker.request(echo, { text: 'nothing' })).rejects.toMatchObject({ code: 'internal' });
          expect(await parties.asker.request(echo, { text: 'a' })).toEqual({ text: 'a' });
        },
      ));

    it('does not send an answer that breaks the contract', () =>
      parties.answering([echo, async () => ({ wrong: 1 }) as unknown as { text: string }], () =>
        expect(parties.asker.request(echo, { text: 'a' })).rejects.toMatchObject({ code: 'internal' }),
      ));

    it('names what is wrong with the input, however deep, and goes on', () =>
      parties.answering([nested, async ({ inner }) => ({ text: inner.text })], async () => {
        await expect(parties.asker.request(nested, { inner: { text: 7 } } as never)).rejects.toMatchObject({
          code: 'invalid_input',
          details: [expect.stringContaining('inner.text')],
        });
        expect(await parties.asker.request(nested, { inner: { text: 'a' } })).toEqual({ text: 'a' });
      }));

    it('sends an answer that was prepared as it was then, and checks it as any other', async () => {
      const { answer, bytes } = prepareAnswer(echo, { text: 'one', secret: 'canary' } as never);
      expect(() => prepareAnswer(echo, { text: 7 } as never)).toThrow();
      await parties.answering([echo, () => Promise.resolve(answer)], async () => {
        for (let n = 0; n < 2; n += 1)
          expect(await parties.asker.request(echo, { text: 'a' })).toEqual({ text: 'one' });
      });
      expect(bytes).toBe('{"text":"one"}'.length);
      await parties.answering([slow, () => Promise.resolve(answer as never)], () =>
        expect(parties.asker.request(slow, {})).rejects.toMatchObject({ code: 'internal' }),
      );
    });

    it('refuses what is too large before it is sent, in both directions', () =>
      parties.answering([echo, async ({ times }) => ({ text: 'x'.repeat(times) })], async () => {
        const start = Date.now();
        await expect(parties.asker.request(echo, { text: 'x'.repeat(10_000_000) })).rejects.toMatchObject({
          code: 'payload_too_large',
        });
        await expect(parties.asker.request(echo, { text: 'x', times: 1_000_000 })).rejects.toMatchObject({
          code: 'payload_too_large',
        });
        expect(await parties.asker.request(echo, { text: 'x', times: 800_000 })).toEqual({ text: 'x'.repeat(800_000) });
        expect(parties.asker.status().reconnects).toBe(0);
        expect(Date.now() - start).toBeLessThan(10_000);
      }));

    it('refuses what is over the bound of requests under way, at once', async () => {
      let open = () => {};
      const gate = new Promise<void>((resolve) => (open = resolve));
      await parties.answering(
        [
          slow,
          async () => {
            await gate;
            return { how: 'well' };
          },
          { maxInFlight: 2 },
        ],
        async () => {
          const [one, two] = [parties.asker.request(slow, {}), parties.asker.request(slow, {})];
          await expect(parties.asker.request(slow, {})).rejects.toMatchObject({
            code: 'overloaded',
            retryAfterMs: expect.any(Number),
          });
          open();
          expect(await Promise.all([one, two])).toEqual([{ how: 'well' }, { how: 'well' }]);
        },
      );
    });
  });

  describe('clients that know nothing of this library', () => {
    itWaits('get plain JSON for plain JSON, and no frames', () =>
      parties.answering(
        [
          slow,
          async (_input, call) => {
            call.progress('not for stock clients');
            return new Promise<{ how: string }>((resolve) => setTimeout(() => resolve({ how: 'plain' }), 2_500));
          },
        ],
        async () =>
          expect(await parties.world.stock.request(slow.subject, '{}')).toEqual({
            body: '{"how":"plain"}',
            errorCode: undefined,
          }),
      ),
    );

    it('may send nothing where every field has a default', () =>
      parties.answering([slow, async ({ ms }) => ({ how: `${ms}` })], async () =>
        expect((await parties.world.stock.request(slow.subject, '')).body).toBe('{"how":"0"}'),
      ));

    it('get a stable code for whatever they send, and the service lives', () =>
      parties.answering([echo, async ({ text }) => ({ text })], async () => {
        const hostile: (string | Uint8Array)[] = [
          '{',
          'null',
          '[]',
          '"text"',
          '\u0000',
          '\ud800',
          '{"text":null}',
          '{"text":{}}',
          '{"__proto__":{"text":"a"}}',
          '['.repeat(100_000),
          `{"text":${'['.repeat(50_000)}${']'.repeat(50_000)}}`,
          new Uint8Array([0xff, 0xfe, 0x00, 0x80, 0xc0]),
          new Uint8Array(1_000),
        ];
        for (const body of hostile) {
          const { body: answer, errorCode } = await parties.world.stock.request(echo.subject, body);
          expect(errorCode).toBe('invalid_input');
          expect(JSON.parse(answer)).toMatchObject({ code: 'invalid_input', message: expect.any(String) });
        }
        for (const body of hostile) await parties.world.stock.publish(echo.subject, body);
        for (const body of hostile) await parties.world.stock.publish('ctl.mcp-tool.abort', body);
        expect(await parties.asker.request(echo, { text: 'a' })).toEqual({ text: 'a' });
      }));
  });
}
