import { expect, it, describe } from '@jest/globals';
import type { AppError } from '@switchyard/contracts';
import { until } from '@switchyard/testing';
import { echo, lookUp, slow } from './fixtures.ts';
import { byClock } from './harness.ts';
import type { Parties } from './parties.ts';

/** A question goes to one who answers it, and its caller hears what becomes of it. */
export function describeAsking(parties: Parties): void {
  const itWaits = byClock(parties.wire);
  describe('asking', () => {
    it('carries a question and its one answer, with defaults filled in', () =>
      parties.answering([echo, async ({ text, times }) => ({ text: text.repeat(times) })], async () => {
        expect(await parties.asker.request(echo, { text: 'a' })).toEqual({ text: 'a' });
        expect(await parties.asker.request(echo, { text: 'äöü☃', times: 3 })).toEqual({ text: 'äöü☃äöü☃äöü☃' });
      }));

    it('answers 500 requests at once, each with its own answer', () =>
      parties.answering([echo, async ({ text }) => ({ text }), { maxInFlight: 500 }], async () => {
        const texts = Array.from({ length: 500 }, (_, n) => `n${n}`);
        const answers = await Promise.all(texts.map((text) => parties.asker.request(echo, { text })));
        expect(answers.map(({ text }) => text)).toEqual(texts);
      }));

    it('spreads requests over the replicas, each request to one', async () => {
      const other = await parties.world.connect('mcp-tool');
      const handled = [0, 0];
      const second = await other.answer(echo, async ({ text }) => ((handled[1]! += 1), { text }));
      await parties.answering([echo, async ({ text }) => ((handled[0]! += 1), { text })], async () => {
        await Promise.all(Array.from({ length: 100 }, (_, n) => parties.asker.request(echo, { text: `${n}` })));
      });
      await second.stop();
      expect(handled[0]! + handled[1]!).toBe(100);
      expect(Math.min(...handled)).toBeGreaterThan(0);
    });

    it('asks the one process that is named, where a contract is asked of one', async () => {
      const named = { ...echo, subject: 'rpc.test.echo.*' };
      const first = await parties.worker.answer(named, async () => ({ text: 'first' }), { as: 'first1' });
      const second = await parties.worker.answer(named, async () => ({ text: 'second' }), { as: 'second2' });
      try {
        for (const [to, text] of [
          ['first1', 'first'],
          ['second2', 'second'],
        ])
          expect(await parties.asker.request(named, { text: 'a' }, { to: to! })).toEqual({ text });
        await expect(parties.asker.request(named, { text: 'a' }, { to: 'third3' })).rejects.toMatchObject({
          code: 'no_responders',
        });
        await expect(parties.asker.request(named, { text: 'a' }, { to: 'a.b' })).rejects.toMatchObject({
          code: 'invalid_input',
        });
      } finally {
        await first.stop();
        await second.stop();
      }
    });

    it('says at once that nobody answers', async () => {
      const start = Date.now();
      await expect(parties.asker.request(echo, { text: 'a' })).rejects.toMatchObject({ code: 'no_responders' });
      expect(Date.now() - start).toBeLessThan(3_000);
    });

    itWaits('asks four times at the most what may be asked twice', () => {
      let asked = 0;
      const handler = () => (
        (asked += 1),
        new Promise<{ text: string }>((resolve) => setTimeout(() => resolve({ text: 'late' }), 4_000))
      );
      return parties.answering([lookUp, handler], async () => {
        expect(await parties.asker.request(lookUp, { text: 'a' })).toEqual({ text: 'late' });
        expect(asked).toBe(4);
      });
    });

    itWaits('asks again what may be asked twice: one replica that stands still keeps nobody waiting', () =>
      parties.answering([lookUp, async ({ text }) => ({ text })], async () => {
        await parties.world.stock.mute(lookUp.subject, 'mcp-tool'); // one of two that never answers
        const texts = Array.from({ length: 8 }, (_, n) => `n${n}`);
        const answers = await Promise.allSettled(texts.map((text) => parties.asker.request(lookUp, { text })));
        const answered = answers.filter(({ status }) => status === 'fulfilled');
        expect(answered.length).toBeGreaterThanOrEqual(4); // each is asked four times: one in 16 finds nobody
      }),
    );

    itWaits('notices in seconds that a worker died, however late the deadline', async () => {
      const { bus: doomed, cut } = await parties.world.connectCuttable('mcp-tool');
      let begun = 0;
      await doomed.answer(slow, () => ((begun += 1), new Promise<never>(() => undefined)));
      const asked = parties.asker
        .request(slow, { ms: 0 }, { timeoutMs: 120_000 })
        .catch((error: AppError) => error.code);
      await until(() => begun === 1);
      cut();
      const start = Date.now();
      expect(await asked).toBe('worker_lost');
      expect(Date.now() - start).toBeLessThan(30_000); // six seconds, and as long as this process stood still
    });

    itWaits('keeps a quiet but living worker for longer than three frames', () =>
      parties.answering(
        [slow, () => new Promise<{ how: string }>((resolve) => setTimeout(() => resolve({ how: 'slowly' }), 7_500))],
        async () => expect(await parties.asker.request(slow, {})).toEqual({ how: 'slowly' }),
      ),
    );

    it('hands on progress in order, before the answer', () =>
      parties.answering(
        [
          slow,
          async (_input, call) => {
            for (let n = 0; n < 100; n += 1) call.progress({ n });
            return { how: 'well' };
          },
        ],
        async () => {
          const frames: unknown[] = [];
          await parties.asker.request(slow, {}, { onProgress: (frame) => frames.push(frame) });
          expect(frames).toEqual(Array.from({ length: 100 }, (_, n) => ({ n })));
        },
      ));

    it('survives a progress listener that throws', () =>
      parties.answering(
        [
          slow,
          async (_input, call) => {
            call.progress(1);
            return { how: 'well' };
          },
        ],
        async () => {
          const onProgress = () => {
            throw new Error('not mine');
          };
          expect(await parties.asker.request(slow, {}, { onProgress })).toEqual({ how: 'well' });
          expect(await parties.asker.request(slow, {})).toEqual({ how: 'well' });
        },
      ));

    it('carries the idempotency key and the deadline to the handler', async () => {
      const deadline = Date.now() + 3_000;
      await parties.answering(
        [slow, async (_input, call) => ({ how: `${call.idempotencyKey} ${call.deadline} ${call.subject}` })],
        async () =>
          expect(await parties.asker.request(slow, {}, { idempotencyKey: 'run1:step-1', deadline })).toEqual({
            how: `run1:step-1 ${deadline} rpc.test.slow`,
          }),
      );
    });
  });
}
