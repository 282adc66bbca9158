import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AppError, fromSystemCloudEvent, type RequestContract, type RunEvent, subjects } from '@switchyard/contracts';
import { until } from '@switchyard/testing';
import type { Bus, ConsumedMessage, Handler } from '../src/index.ts';
import { echo, lookUp, newRunId, runOf, slow } from './fixtures.ts';
import { type World } from './harness.ts';

/** What every implementation of the bus promises. Runs against NATS and against the twin in memory alike. */
export function describeBus(name: string, open: () => Promise<World>): void {
  describe(`bus on ${name}`, () => {
    let world: World;
    let asker: Bus;
    let worker: Bus;

    beforeAll(async () => {
      world = await open();
      [asker, worker] = await Promise.all([world.connect('gateway'), world.connect('mcp-tool')]);
      await worker.ensureStreams();
    });
    afterAll(() => world?.stop(), 30_000);

    const answering = async <C extends RequestContract, T>(
      [contract, handler, options]: [C, Handler<C>, { maxInFlight?: number }?],
      fn: () => Promise<T>,
    ): Promise<T> => {
      const subscription = await worker.answer(contract, handler, options);
      try {
        return await fn();
      } finally {
        await subscription.stop();
      }
    };

    describe('request and answer', () => {
      it('carries a question and its one answer, with defaults filled in', () =>
        answering([echo, async ({ text, times }) => ({ text: text.repeat(times) })], async () => {
          expect(await asker.request(echo, { text: 'a' })).toEqual({ text: 'a' });
          expect(await asker.request(echo, { text: 'äöü☃', times: 3 })).toEqual({ text: 'äöü☃äöü☃äöü☃' });
        }));

      it('answers 500 requests at once, each with its own answer', () =>
        answering([echo, async ({ text }) => ({ text }), { maxInFlight: 500 }], async () => {
          const texts = Array.from({ length: 500 }, (_, n) => `n${n}`);
          const answers = await Promise.all(texts.map((text) => asker.request(echo, { text })));
          expect(answers.map(({ text }) => text)).toEqual(texts);
        }));

      it('asks the one process that is named, where a contract is asked of one', async () => {
        const named = { ...echo, subject: 'rpc.test.echo.*' };
        const first = await worker.answer(named, async () => ({ text: 'first' }), { as: 'first1' });
        const second = await worker.answer(named, async () => ({ text: 'second' }), { as: 'second2' });
        try {
          for (const [to, text] of [
            ['first1', 'first'],
            ['second2', 'second'],
          ])
            expect(await asker.request(named, { text: 'a' }, { to: to! })).toEqual({ text });
          await expect(asker.request(named, { text: 'a' }, { to: 'third3' })).rejects.toMatchObject({
            code: 'no_responders',
          });
          await expect(asker.request(named, { text: 'a' }, { to: 'a.b' })).rejects.toMatchObject({
            code: 'invalid_input',
          });
        } finally {
          await first.stop();
          await second.stop();
        }
      });

      it('says at once that nobody answers', async () => {
        const start = Date.now();
        await expect(asker.request(echo, { text: 'a' })).rejects.toMatchObject({ code: 'no_responders' });
        expect(Date.now() - start).toBeLessThan(3_000);
      });

      it('asks four times at the most what may be asked twice', () => {
        let asked = 0;
        const handler = () => (
          (asked += 1),
          new Promise<{ text: string }>((resolve) => setTimeout(() => resolve({ text: 'late' }), 4_000))
        );
        return answering([lookUp, handler], async () => {
          expect(await asker.request(lookUp, { text: 'a' })).toEqual({ text: 'late' });
          expect(asked).toBe(4);
        });
      });

      it(
        'asks again what may be asked twice: one replica that stands still keeps nobody waiting',
        () =>
          answering([lookUp, async ({ text }) => ({ text })], async () => {
            await world.stock.mute(lookUp.subject, 'mcp-tool'); // one of two that never answers
            const texts = Array.from({ length: 8 }, (_, n) => `n${n}`);
            const answers = await Promise.allSettled(texts.map((text) => asker.request(lookUp, { text })));
            const answered = answers.filter(({ status }) => status === 'fulfilled');
            expect(answered.length).toBeGreaterThanOrEqual(4); // each is asked four times: one in 16 finds nobody
          }),
        15_000,
      );

      it('notices in seconds that a worker died, however late the deadline', async () => {
        const { bus: doomed, cut } = await world.connectCuttable('mcp-tool');
        const begun = new Promise<void>((resolve) => {
          void doomed.answer(slow, () => (resolve(), new Promise<never>(() => undefined)));
        });
        await until(async () => {
          const asked = asker.request(slow, { ms: 0 }, { timeoutMs: 60_000 }).catch((error: AppError) => error.code);
          const first = await Promise.race([asked, begun.then(() => 'begun')]);
          return first === 'begun';
        });
        const asked = asker.request(slow, { ms: 0 }, { timeoutMs: 60_000 });
        await new Promise((resolve) => setTimeout(resolve, 50));
        cut();
        const start = Date.now();
        await expect(asked).rejects.toMatchObject({ code: 'worker_lost' });
        expect(Date.now() - start).toBeLessThan(9_000);
      });

      it(
        'keeps a quiet but living worker for longer than three frames',
        () =>
          answering(
            [
              slow,
              () => new Promise<{ how: string }>((resolve) => setTimeout(() => resolve({ how: 'slowly' }), 7_500)),
            ],
            async () => expect(await asker.request(slow, {})).toEqual({ how: 'slowly' }),
          ),
        15_000,
      );

      it('hands on progress in order, before the answer', () =>
        answering(
          [
            slow,
            async (_input, call) => {
              for (let n = 0; n < 100; n += 1) call.progress({ n });
              return { how: 'well' };
            },
          ],
          async () => {
            const frames: unknown[] = [];
            await asker.request(slow, {}, { onProgress: (frame) => frames.push(frame) });
            expect(frames).toEqual(Array.from({ length: 100 }, (_, n) => ({ n })));
          },
        ));

      it('survives a progress listener that throws', () =>
        answering(
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
            expect(await asker.request(slow, {}, { onProgress })).toEqual({ how: 'well' });
            expect(await asker.request(slow, {})).toEqual({ how: 'well' });
          },
        ));

      it('stops the work when the caller aborts', async () => {
        let stopped: unknown;
        await answering(
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
            const asked = asker.request(slow, {}, { signal: abort.signal });
            setTimeout(() => abort.abort(), 50);
            const start = Date.now();
            await expect(asked).rejects.toMatchObject({ code: 'cancelled' });
            await until(() => stopped !== undefined);
            expect(stopped).toMatchObject({ code: 'cancelled' });
            expect(Date.now() - start).toBeLessThan(5_000);
            await expect(asker.request(slow, {}, { signal: abort.signal })).rejects.toMatchObject({
              code: 'cancelled',
            });
          },
        );
      });

      it('stops the work of a caller that vanished, also where the work reports progress all the time', async () => {
        const { bus: doomed, cut } = await world.connectCuttable('gateway');
        let stopped = 0;
        let begun = 0;
        await answering(
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

      it('keeps the deadline on both sides, and tells the handler', async () => {
        let reason: unknown;
        await answering(
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
            await expect(asker.request(slow, {}, { timeoutMs: 300 })).rejects.toMatchObject({
              code: 'deadline_exceeded',
            });
            expect(Date.now() - start).toBeLessThan(5_000);
            await until(() => reason !== undefined);
            expect(['deadline_exceeded', 'cancelled']).toContain((reason as AppError).code);
            const deadline = Date.now() + 200;
            await expect(asker.request(slow, {}, { deadline })).rejects.toMatchObject({ code: 'deadline_exceeded' });
          },
        );
      });

      it('carries the idempotency key and the deadline to the handler', async () => {
        const deadline = Date.now() + 3_000;
        await answering(
          [slow, async (_input, call) => ({ how: `${call.idempotencyKey} ${call.deadline} ${call.subject}` })],
          async () =>
            expect(await asker.request(slow, {}, { idempotencyKey: 'run1:step-1', deadline })).toEqual({
              how: `run1:step-1 ${deadline} rpc.test.slow`,
            }),
        );
      });

      it('hands on a refusal as it was meant, and nothing of an unexpected error', async () => {
        const refuse = new AppError('rate_limited', 'Slowly.', { retryAfterMs: 1_234, details: ['a: b'] });
        await answering([echo, async () => Promise.reject(refuse)], () =>
          expect(asker.request(echo, { text: 'a' })).rejects.toMatchObject({
            code: 'rate_limited',
            message: 'Slowly.',
            retryAfterMs: 1_234,
            details: ['a: b'],
          }),
        );
        await answering([echo, async () => Promise.reject(new Error('secret of the house'))], async () => {
          const error = await asker.request(echo, { text: 'a' }).catch((thrown: AppError) => thrown);
          expect(error).toMatchObject({ code: 'internal' });
          expect(JSON.stringify(error) + String(error)).not.toContain('secret');
        });
      });

      it('a refusal of any size, or none, kills nothing', () =>
        answering(
          [
            echo,
            async ({ text }) => {
              if (text === 'large') throw new AppError('tool_failed', 'x'.repeat(2_000_000));
              if (text === 'nothing') throw undefined;
              return { text };
            },
          ],
          async () => {
            await expect(asker.request(echo, { text: 'large' })).rejects.toMatchObject({ code: 'tool_failed' });
            await expect(asker.request(echo, { text: 'nothing' })).rejects.toMatchObject({ code: 'internal' });
            expect(await asker.request(echo, { text: 'a' })).toEqual({ text: 'a' });
          },
        ));

      it('does not send an answer that breaks the contract', () =>
        answering([echo, async () => ({ wrong: 1 }) as unknown as { text: string }], () =>
          expect(asker.request(echo, { text: 'a' })).rejects.toMatchObject({ code: 'internal' }),
        ));

      it('names what is wrong with the input', () =>
        answering([echo, async () => ({ text: '' })], () =>
          expect(asker.request(echo, { text: 7 } as unknown as { text: string })).rejects.toMatchObject({
            code: 'invalid_input',
            details: [expect.stringContaining('text')],
          }),
        ));

      it('refuses what is too large before it is sent, in both directions', () =>
        answering([echo, async ({ times }) => ({ text: 'x'.repeat(times) })], async () => {
          const start = Date.now();
          await expect(asker.request(echo, { text: 'x'.repeat(10_000_000) })).rejects.toMatchObject({
            code: 'payload_too_large',
          });
          await expect(asker.request(echo, { text: 'x', times: 1_000_000 })).rejects.toMatchObject({
            code: 'payload_too_large',
          });
          expect(await asker.request(echo, { text: 'x', times: 800_000 })).toEqual({ text: 'x'.repeat(800_000) });
          expect(asker.status().reconnects).toBe(0);
          expect(Date.now() - start).toBeLessThan(10_000);
        }));

      it('refuses what is over the bound of requests under way, at once', async () => {
        let open = () => {};
        const gate = new Promise<void>((resolve) => (open = resolve));
        await answering(
          [
            slow,
            async () => {
              await gate;
              return { how: 'well' };
            },
            { maxInFlight: 2 },
          ],
          async () => {
            const [one, two] = [asker.request(slow, {}), asker.request(slow, {})];
            await expect(asker.request(slow, {})).rejects.toMatchObject({
              code: 'overloaded',
              retryAfterMs: expect.any(Number),
            });
            open();
            expect(await Promise.all([one, two])).toEqual([{ how: 'well' }, { how: 'well' }]);
          },
        );
      });

      it('spreads requests over the replicas, each request to one', async () => {
        const other = await world.connect('mcp-tool');
        const handled = [0, 0];
        const second = await other.answer(echo, async ({ text }) => ((handled[1]! += 1), { text }));
        await answering([echo, async ({ text }) => ((handled[0]! += 1), { text })], async () => {
          await Promise.all(Array.from({ length: 100 }, (_, n) => asker.request(echo, { text: `${n}` })));
        });
        await second.stop();
        expect(handled[0]! + handled[1]!).toBe(100);
        expect(Math.min(...handled)).toBeGreaterThan(0);
      });

      it('a stopped subscription ends what is under way and takes nothing new', async () => {
        const subscription = await worker.answer(
          slow,
          () => new Promise((resolve) => setTimeout(() => resolve({ how: 'still' }), 300)),
        );
        const asked = asker.request(slow, {});
        await new Promise((resolve) => setTimeout(resolve, 50));
        await subscription.stop();
        expect(await asked).toEqual({ how: 'still' });
        await expect(asker.request(slow, {})).rejects.toMatchObject({ code: 'no_responders' });
      });

      it('closing a connection lets the requests under way end', async () => {
        const leaving = await world.connect('mcp-tool');
        await leaving.answer(slow, () => new Promise((resolve) => setTimeout(() => resolve({ how: 'still' }), 300)));
        const asked = asker.request(slow, {});
        await new Promise((resolve) => setTimeout(resolve, 50));
        const closed = leaving.close();
        expect(await asked).toEqual({ how: 'still' });
        await closed;
      });

      it('closing a connection does not wait for ever for work that hears nothing', async () => {
        const leaving = await world.connect('mcp-tool');
        await leaving.answer(slow, () => new Promise(() => undefined));
        const asked = asker.request(slow, {}).catch((error: AppError) => error.code);
        await new Promise((resolve) => setTimeout(resolve, 50));
        const start = Date.now();
        await leaving.close();
        expect(Date.now() - start).toBeLessThan(10_000);
        expect(await asked).not.toBe('deadline_exceeded');
      });
    });

    describe('clients that know nothing of this library', () => {
      it(
        'get plain JSON for plain JSON, and no frames',
        () =>
          answering(
            [
              slow,
              async (_input, call) => {
                call.progress('not for stock clients');
                return new Promise<{ how: string }>((resolve) => setTimeout(() => resolve({ how: 'plain' }), 2_500));
              },
            ],
            async () =>
              expect(await world.stock.request(slow.subject, '{}')).toEqual({
                body: '{"how":"plain"}',
                errorCode: undefined,
              }),
          ),
        10_000,
      );

      it('may send nothing where every field has a default', () =>
        answering([slow, async ({ ms }) => ({ how: `${ms}` })], async () =>
          expect((await world.stock.request(slow.subject, '')).body).toBe('{"how":"0"}'),
        ));

      it('get a stable code for whatever they send, and the service lives', () =>
        answering([echo, async ({ text }) => ({ text })], async () => {
          const hostile: (string | Uint8Array)[] = [
            '{',
            'null',
            '[]',
            '"text"',
            '{"text":null}',
            '{"text":{}}',
            '{"__proto__":{"text":"a"}}',
            '['.repeat(100_000),
            `{"text":${'['.repeat(50_000)}${']'.repeat(50_000)}}`,
            new Uint8Array([0xff, 0xfe, 0x00, 0x80, 0xc0]),
            new Uint8Array(1_000),
          ];
          for (const body of hostile) {
            const { body: answer, errorCode } = await world.stock.request(echo.subject, body);
            expect(errorCode).toBe('invalid_input');
            expect(JSON.parse(answer)).toMatchObject({ code: 'invalid_input', message: expect.any(String) });
          }
          for (const body of hostile) await world.stock.publish(echo.subject, body);
          for (const body of hostile) await world.stock.publish('ctl.mcp-tool.abort', body);
          expect(await asker.request(echo, { text: 'a' })).toEqual({ text: 'a' });
        }));
    });

    describe('facts', () => {
      const consume = (bus: Bus, stream: 'RUNS' | 'SYSTEM', durable: string, take: (m: ConsumedMessage) => void) =>
        bus.consume({ stream, durable, handle: async (messages) => void messages.forEach(take) });

      it('of a run are stored once each, in order, however often they are published', async () => {
        const auditor = await world.connect('audit');
        const runId = newRunId();
        const events = runOf(runId, 300);
        const seen: RunEvent[] = [];
        const consuming = consume(auditor, 'RUNS', 'audit', ({ event }) => {
          if (event?.runId === runId) seen.push(event);
        });
        await worker.publishEvents(events);
        await worker.publishEvents(events.slice(100, 200));
        await worker.publishEvents(events);
        await until(() => seen.length >= 300, 10_000);
        await new Promise((resolve) => setTimeout(resolve, 100));
        expect(seen).toEqual(events);
        await consuming.stop();
      });

      it('are CloudEvents that any client may read', async () => {
        const runId = newRunId();
        const heard = await world.stock.hear(`run.acme.${runId}.>`);
        await worker.publishEvents(runOf(runId, 2));
        await until(() => heard.length === 2);
        expect(JSON.parse(heard[0]!)).toMatchObject({
          specversion: '1.0',
          id: `${runId}:1`,
          type: 'orchestrator.planning.started',
          source: '/switchyard/orchestrator',
        });
      });

      it('outside a run are CloudEvents, numbered by their producer without a hole', async () => {
        const auditor = await world.connect('audit');
        const heard = await world.stock.hear('sys.tools.>');
        const seen: ConsumedMessage[] = [];
        const consuming = consume(auditor, 'SYSTEM', 'audit', (message) => seen.push(message));
        const fact = {
          type: 'tools.credential.missing',
          data: { tool: 'weather', credential: 'KEY' },
        } as const;
        for (let n = 0; n < 3; n += 1) await worker.publishSystem(fact);
        await until(() => seen.length >= 3 && heard.length >= 3);
        const events = seen.map(({ system }) => system!);
        expect(events.map(({ seq }) => seq)).toEqual([1, 2, 3]);
        expect(new Set(events.map(({ instance }) => instance)).size).toBe(1);
        expect(events[0]).toMatchObject({ ...fact, app: 'mcp-tool' });
        const document = JSON.parse(heard[0]!) as Record<string, unknown>;
        expect(document).toMatchObject({
          specversion: '1.0',
          id: `${events[0]!.instance}:1`,
          source: '/switchyard/mcp-tool',
          datacontenttype: 'application/json',
        });
        expect(Number.isNaN(Date.parse(String(document.time)))).toBe(false);
        expect(fromSystemCloudEvent(document)).toEqual(events[0]);
        await consuming.stop();
      });

      it('come again soon where handling them failed', async () => {
        const auditor = await world.connect('audit');
        const runId = newRunId();
        let failures = 0;
        const seen: number[] = [];
        const consuming = auditor.consume({
          stream: 'RUNS',
          durable: 'audit',
          handle: async (messages) => {
            const mine = messages.filter(({ event }) => event?.runId === runId);
            if (mine.length > 0 && failures < 2) {
              failures += 1;
              throw new Error('the database is away');
            }
            seen.push(...mine.map(({ event }) => event!.seq));
          },
        });
        await worker.publishEvents(runOf(runId, 3));
        await until(() => seen.length >= 3, 12_000);
        expect(seen.sort()).toEqual([1, 2, 3]);
        expect(failures).toBe(2);
        await consuming.stop();
      });

      it('refuse an id that is none, whatever it tries', async () => {
        const [event] = runOf('run-x', 2);
        for (const runId of ['a.b', '*', '>', '', 'a b', 'a\r\nPUB x', 'x'.repeat(65), 'ä', '../x', 'a\0']) {
          await expect(worker.publishEvents([{ ...event!, runId }])).rejects.toMatchObject({ code: 'invalid_id' });
          await expect(worker.wakeUp('acme', runId)).rejects.toMatchObject({ code: 'invalid_id' });
          await expect(worker.wakeUp(runId, 'run-1')).rejects.toMatchObject({ code: 'invalid_id' });
          expect(() => subjects.runFilter('acme', runId)).toThrow();
          expect(() =>
            asker.follow({ ...NOTHING, tenantId: 'acme', runId, signal: new AbortController().signal }),
          ).toThrow(expect.objectContaining({ code: 'invalid_id' }));
        }
        expect(worker.status().connected).toBe(true);
      });
    });

    describe('wake-ups', () => {
      it('reach one of the takers, and come again where it is busy', async () => {
        const owner = await world.connect('orchestrator');
        const runId = newRunId();
        const tries: string[] = [];
        const heard: string[] = [];
        const hearing = await owner.hearWakeUps((wakeUp) => void heard.push(wakeUp.runId));
        const taking = owner.onWakeUp(async (wakeUp) => {
          if (wakeUp.runId !== runId) return 'done';
          tries.push(wakeUp.tenantId);
          return tries.length < 2 ? 'busy' : 'done';
        });
        await owner.wakeUp('acme', runId);
        await until(() => tries.length === 2, 8_000);
        expect(tries).toEqual(['acme', 'acme']);
        expect(heard).toContain(runId);
        await new Promise((resolve) => setTimeout(resolve, 1_300));
        expect(tries.length).toBe(2);
        await taking.stop();
        await hearing.stop();
      });

      it('are not handled beyond the bound at once', async () => {
        const owner = await world.connect('orchestrator');
        let now = 0;
        let most = 0;
        let all = 0;
        const taking = owner.onWakeUp(
          async () => {
            now += 1;
            most = Math.max(most, now);
            await new Promise((resolve) => setTimeout(resolve, 20));
            now -= 1;
            all += 1;
            return 'done';
          },
          { maxInFlight: 3 },
        );
        await Promise.all(Array.from({ length: 20 }, () => owner.wakeUp('acme', newRunId())));
        await until(() => all >= 20, 10_000);
        expect(most).toBeLessThanOrEqual(3);
        await taking.stop();
      });

      it('stopping waits for what is under way', async () => {
        const owner = await world.connect('orchestrator');
        let begun = false;
        let ended = false;
        const taking = owner.onWakeUp(async () => {
          begun = true;
          await new Promise((resolve) => setTimeout(resolve, 300));
          ended = true;
          return 'done';
        });
        await owner.wakeUp('acme', newRunId());
        await until(() => begun);
        await taking.stop();
        expect(ended).toBe(true);
      });
    });

    it('keeps records that every instance of an app sees, written over known revisions only, until they end', async () => {
      const [one, two, stranger] = await Promise.all([
        ...['xmpp-bridge', 'xmpp-bridge'].map((app) => world.connect(app)),
        world.connect('a2a'),
      ]);
      const options = { bucket: 'requests', ttlMs: 60_000, maxBytes: 65_536 };
      const [a, b, other] = [one!.records(options), two!.records(options), stranger!.records(options)];
      expect(await a.read('k')).toBeUndefined();
      const first = await a.write('k', { n: 1 }, 0);
      expect(await b.read('k')).toEqual({ value: { n: 1 }, revision: first });
      expect(await other.read('k')).toBeUndefined();
      // Of many who write over the same revision, one does.
      const wrote = await Promise.all([a, b, a, b].map((each, n) => each.write('k', { n }, first!)));
      expect(wrote.filter((revision) => revision !== undefined)).toHaveLength(1);
      expect(await a.write('k', {}, 0)).toBeUndefined();
      await a.remove('k', first!);
      const { revision } = (await b.read('k'))!;
      await a.remove('k', revision);
      expect(await b.read('k')).toBeUndefined();
      expect(await b.write('k', 'again', 0)).toEqual(expect.any(Number));
      await expect(a.write('k.x', 1, 0)).rejects.toMatchObject({ code: 'invalid_input' });
      const full = Promise.all(Array.from({ length: 8 }, (_, n) => a.write(`big${n}`, 'x'.repeat(10_000), 0)));
      await expect(full).rejects.toMatchObject({ code: 'overloaded' });
      const brief = one!.records({ bucket: 'brief', ttlMs: 1_000, maxBytes: 65_536 });
      await brief.write('k', 1, 0);
      await until(async () => (await brief.read('k')) === undefined, 10_000);
    });

    it('tells what it knows of itself', () => {
      expect(asker.status()).toMatchObject({ connected: true, reconnects: 0 });
    });
  });
}

const NOTHING = { after: 0, fetch: async () => ({ events: [], lastSeq: 0, ended: false }) };
