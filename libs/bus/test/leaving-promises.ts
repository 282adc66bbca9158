import { describe, expect, it } from '@jest/globals';
import type { AppError } from '@switchyard/contracts';
import { until } from '@switchyard/testing';
import { type Call, Leaving } from '../src/index.ts';
import { pause, slow } from './fixtures.ts';
import type { Parties } from './parties.ts';

/** Nobody works for a caller that is gone, and nobody waits for a worker that is. */
export function describeLeaving(parties: Parties): void {
  describe('leaving', () => {
    it('stops the work when the caller aborts', async () => {
      let stopped: unknown;
      await parties.answering(
        [
          slow,
          (_input, { signal }) =>
            new Promise((_resolve, reject) =>
              signal.addEventListener('abort', () => {
                stopped = signal.reason;
                reject(signal.reason as Error);
              }),
            ),
        ],
        async () => {
          const abort = new AbortController();
          const asked = parties.asker.request(slow, {}, { signal: abort.signal });
          setTimeout(() => abort.abort(), 50);
          const start = Date.now();
          await expect(asked).rejects.toMatchObject({ code: 'cancelled' });
          await until(() => stopped !== undefined);
          expect(stopped).toMatchObject({ code: 'cancelled' });
          expect(Date.now() - start).toBeLessThan(5_000);
          await expect(parties.asker.request(slow, {}, { signal: abort.signal })).rejects.toMatchObject({
            code: 'cancelled',
          });
        },
      );
    });

    it('stops the work of a caller that vanished, also where the work reports progress all the time', async () => {
      const { bus: doomed, cut } = await parties.world.connectCuttable('gateway');
      let stopped = 0;
      let begun = 0;
      await parties.answering(
        [
          slow,
          (_input, { signal, progress }) =>
            new Promise((_resolve, reject) => {
              begun += 1;
              const talking = setInterval(() => progress({ still: 'here' }), 200);
              signal.addEventListener('abort', () => {
                clearInterval(talking);
                stopped += 1;
                reject(signal.reason as Error);
              });
            }),
        ],
        async () => {
          doomed.request(slow, {}).catch(() => undefined);
          await until(() => begun === 1);
          cut();
          await until(() => stopped === 1, 8_000);
        },
      );
    });

    it('stops the work of a caller that closes its connection', async () => {
      const leaving = await parties.world.connect('gateway');
      let begun = false;
      let stopped = false;
      const handler = (_input: unknown, { signal }: Call) =>
        new Promise<never>((_resolve, reject) => {
          begun = true;
          signal.addEventListener('abort', () => {
            stopped = true;
            reject(signal.reason as Error);
          });
        });
      await parties.answering([slow, handler], async () => {
        const asked = leaving.request(slow, {}).catch(() => undefined);
        await until(() => begun);
        await leaving.close();
        await asked;
        await until(() => stopped, 8_000);
      });
    });

    it('does not stop the work where the caller leaves the question to somebody else', async () => {
      let begun = false;
      let reason: unknown;
      let done = false;
      const handler = async (_input: unknown, { signal }: Call) => {
        begun = true;
        signal.addEventListener('abort', () => (reason = signal.reason));
        await pause(600);
        done = true;
        return { how: 'well' };
      };
      await parties.answering([slow, handler], async () => {
        const abort = new AbortController();
        const asked = parties.asker.request(slow, {}, { signal: abort.signal });
        asked.catch(() => undefined);
        await until(() => begun);
        abort.abort(new Leaving());
        await expect(asked).rejects.toMatchObject({ code: 'cancelled' });
        await until(() => done);
        expect(reason).toBeUndefined();
      });
    });

    it('keeps the deadline on both sides, and tells the handler', async () => {
      let reason: unknown;
      await parties.answering(
        [
          slow,
          (_input, { signal }) =>
            new Promise((_resolve, reject) =>
              signal.addEventListener('abort', () => {
                reason = signal.reason;
                reject(new Error('stopped'));
              }),
            ),
        ],
        async () => {
          const start = Date.now();
          await expect(parties.asker.request(slow, {}, { timeoutMs: 300 })).rejects.toMatchObject({
            code: 'deadline_exceeded',
          });
          expect(Date.now() - start).toBeLessThan(5_000);
          await until(() => reason !== undefined);
          expect(['deadline_exceeded', 'cancelled']).toContain((reason as AppError).code);
          const deadline = Date.now() + 200;
          await expect(parties.asker.request(slow, {}, { deadline })).rejects.toMatchObject({
            code: 'deadline_exceeded',
          });
        },
      );
    });

    it('a stopped subscription ends what is under way and takes nothing new', async () => {
      const subscription = await parties.worker.answer(
        slow,
        () => new Promise((resolve) => setTimeout(() => resolve({ how: 'still' }), 300)),
      );
      const asked = parties.asker.request(slow, {});
      await pause(50);
      await subscription.stop();
      expect(await asked).toEqual({ how: 'still' });
      await expect(parties.asker.request(slow, {})).rejects.toMatchObject({ code: 'no_responders' });
    });

    it('closing a connection lets the requests under way end', async () => {
      const leaving = await parties.world.connect('mcp-tool');
      await leaving.answer(slow, () => new Promise((resolve) => setTimeout(() => resolve({ how: 'still' }), 300)));
      const asked = parties.asker.request(slow, {});
      await pause(50);
      const closed = leaving.close();
      expect(await asked).toEqual({ how: 'still' });
      await closed;
    });

    it('closing a connection does not wait for ever for work that hears nothing', async () => {
      const leaving = await parties.world.connect('mcp-tool');
      await leaving.answer(slow, () => new Promise(() => undefined));
      const asked = parties.asker.request(slow, {}).catch((error: AppError) => error.code);
      await pause(50);
      const start = Date.now();
      await leaving.close();
      expect(Date.now() - start).toBeLessThan(10_000);
      expect(['worker_lost', 'unavailable']).toContain(await asked);
    });
  });
}
