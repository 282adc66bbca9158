import { describe, expect, it } from '@jest/globals';
import type { AppError } from '@switchyard/contracts';
import { until } from '@switchyard/testing';
import { type Call, Detached } from '../src/index.ts';
import { pause, slow } from './fixtures.ts';
import type { Parties } from './parties.ts';

/** Nobody works for a caller that is gone, and nobody waits for a worker that is. */
export function describeLeaving(parties: Parties): void {
  describe('leaving', () => {
    it('stops the work when the caller aborts', async () => {
      let stopped: unknown;
      let begun = false;
      await parties.answering(
        [
          slow,
          (_input, { signal }) =>
            new Promise((_resolve, reject) => {
              begun = true;
              signal.addEventListener('abort', () => {
                stopped = signal.reason;
                reject(signal.reason as Error);
              });
            }),
        ],
        async () => {
          const abort = new AbortController();
          const asked = parties.asker
            .request(slow, {}, { signal: abort.signal })
            .catch((error: AppError) => error.code);
          await until(() => begun);
          abort.abort();
          expect(await asked).toBe('cancelled');
          await until(() => stopped !== undefined);
          expect(stopped).toMatchObject({ code: 'cancelled' });
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
        abort.abort(new Detached());
        await expect(asked).rejects.toMatchObject({ code: 'cancelled' });
        await until(() => done);
        expect(reason).toBeUndefined();
      });
    });

    it('keeps the deadline on both sides, and tells the handler', async () => {
      let reason: unknown;
      let begun = false;
      await parties.answering(
        [
          slow,
          (_input, { signal }) =>
            new Promise((_resolve, reject) => {
              begun = true;
              signal.addEventListener('abort', () => {
                reason = signal.reason;
                reject(new Error('stopped'));
              });
            }),
        ],
        async () => {
          const start = Date.now();
          // One that comes when its deadline is over is not begun: it is asked again until one came in time.
          await until(async () => {
            await expect(parties.asker.request(slow, {}, { timeoutMs: 300 })).rejects.toMatchObject({
              code: 'deadline_exceeded',
            });
            return begun;
          });
          expect(Date.now() - start).toBeLessThan(15_000);
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
      let begun = false;
      const subscription = await parties.worker.answer(slow, async () => {
        begun = true;
        await pause(300);
        return { how: 'still' };
      });
      const asked = parties.asker.request(slow, {});
      await until(() => begun);
      await subscription.stop();
      expect(await asked).toEqual({ how: 'still' });
      await expect(parties.asker.request(slow, {})).rejects.toMatchObject({ code: 'no_responders' });
    });

    it('closing a connection lets the requests under way end', async () => {
      const leaving = await parties.world.connect('mcp-tool');
      let begun = false;
      await leaving.answer(slow, async () => {
        begun = true;
        await pause(300);
        return { how: 'still' };
      });
      const asked = parties.asker.request(slow, {});
      await until(() => begun);
      const closed = leaving.close();
      expect(await asked).toEqual({ how: 'still' });
      await closed;
    });

    it('closing a connection does not wait for ever for work that hears nothing', async () => {
      const leaving = await parties.world.connect('mcp-tool');
      let begun = false;
      await leaving.answer(slow, () => ((begun = true), new Promise(() => undefined)));
      const asked = parties.asker.request(slow, {}).catch((error: AppError) => error.code);
      await until(() => begun);
      const start = Date.now();
      await leaving.close();
      expect(Date.now() - start).toBeLessThan(20_000);
      expect(['worker_lost', 'unavailable']).toContain(await asked);
    });
  });
}
