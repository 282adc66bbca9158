import { setMaxListeners } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AppError, type LiveDelta, type RunEvent, subjects } from '@switchyard/contracts';
import { until } from '@switchyard/testing';
import type { Bus, FollowOptions } from '../src/index.ts';
import { documentOf, journalOf, newRunId, pause, runOf } from './fixtures.ts';
import { byClock, roundTrip, type Wire, type World } from './harness.ts';

const seqs = (events: RunEvent[]) => events.map(({ seq }) => seq);
const upTo = (n: number) => Array.from({ length: n }, (_, index) => index + 1);

/** Live in order, holes filled by asking, no gap, no duplicate; and always cleaned up. */
export function describeFollow(wire: Wire, open: () => Promise<World>): void {
  const itWaits = byClock(wire);
  describe(`following a run on ${wire}`, () => {
    let world: World;
    let reader: Bus;
    let writer: Bus;

    beforeAll(async () => {
      world = await open();
      [reader, writer] = await Promise.all([world.connect('gateway'), world.connect('orchestrator')]);
      await writer.ensureStreams();
    });
    afterAll(() => world?.stop());

    const collect = async (options: Omit<FollowOptions, 'signal' | 'tenantId'> & { signal?: AbortSignal }) => {
      const got: RunEvent[] = [];
      const signal = options.signal ?? AbortSignal.timeout(50_000);
      for await (const batch of reader.follow({ tenantId: 'acme', ...options, signal })) got.push(...batch);
      return got;
    };
    const live = (event: RunEvent) =>
      world.stock.publish(subjects.runEvent(event.tenantId, event.runId, event.type), documentOf(event));

    it('of the past is read in pages, and ends', async () => {
      const runId = newRunId();
      const journal = journalOf(runOf(runId, 1_234), 100);
      expect(seqs(await collect({ runId, after: 0, fetch: journal.read }))).toEqual(upTo(1_234));
      expect(journal.asked).toBeLessThanOrEqual(14);
    });

    it('that starts now is never asked for while nothing is lost', async () => {
      const runId = newRunId();
      const events = runOf(runId, 50);
      const journal = journalOf([]);
      const following = collect({ runId, after: 0, fetch: journal.read, fresh: true });
      await roundTrip(reader);
      await writer.publishEvents(events);
      expect(seqs(await following)).toEqual(upTo(50));
      expect(journal.asked).toBe(0);
    });

    it('gives what is ready in one batch', async () => {
      const runId = newRunId();
      const journal = journalOf(runOf(runId, 400));
      const sizes: number[] = [];
      const signal = AbortSignal.timeout(30_000);
      const options = { tenantId: 'acme', runId, after: 0, fetch: journal.read, signal };
      for await (const batch of reader.follow(options)) sizes.push(batch.length);
      expect(sizes).toEqual([400]);
    });

    it('goes on where the reader was', async () => {
      const runId = newRunId();
      const journal = journalOf(runOf(runId, 10));
      expect(seqs(await collect({ runId, after: 7, fetch: journal.read }))).toEqual([8, 9, 10]);
    });

    it('that has ended before the place of the reader ends at once', async () => {
      const runId = newRunId();
      const journal = journalOf(runOf(runId, 10));
      const start = Date.now();
      expect(await collect({ runId, after: 10, fetch: journal.read })).toEqual([]);
      expect(Date.now() - start).toBeLessThan(20_000);
    });

    it('puts in order what comes late, twice, or not at all', async () => {
      const runId = newRunId();
      const events = runOf(runId, 60);
      const journal = journalOf(events);
      const following = collect({ runId, after: 0, fetch: journal.read, fresh: true });
      await roundTrip(reader);
      const shuffled = events
        .filter(({ seq }) => seq % 7 !== 3)
        .flatMap((event) => (event.seq % 5 === 0 ? [event, event] : [event]))
        .sort((a, b) => ((a.seq * 31) % 17) - ((b.seq * 31) % 17));
      for (const event of shuffled) await live(event);
      expect(seqs(await following)).toEqual(upTo(60));
    });

    it('fills a hole by asking, soon after it shows', async () => {
      const runId = newRunId();
      const events = runOf(runId, 5);
      const journal = journalOf(events);
      const following = collect({ runId, after: 0, fetch: journal.read, fresh: true });
      await roundTrip(reader);
      const start = Date.now();
      for (const event of events.filter(({ seq }) => seq !== 2)) await live(event);
      expect(seqs(await following)).toEqual(upTo(5));
      expect(Date.now() - start).toBeLessThan(20_000);
      expect(journal.asked).toBe(1);
    });

    itWaits('does not hammer the journal for a hole that it cannot fill yet', async () => {
      const runId = newRunId();
      const events = runOf(runId, 5);
      const journal = journalOf([]);
      const following = collect({ runId, after: 0, fetch: journal.read, fresh: true });
      await roundTrip(reader);
      for (const event of events.filter(({ seq }) => seq !== 2)) await live(event);
      await pause(2_000);
      expect(journal.asked).toBeLessThanOrEqual(10);
      journal.events = events;
      expect(seqs(await following)).toEqual(upTo(5));
    });

    itWaits('that lost every message still comes to its end', async () => {
      const runId = newRunId();
      const journal = journalOf([]);
      const following = collect({ runId, after: 0, fetch: journal.read, fresh: true });
      journal.events = runOf(runId, 5);
      expect(seqs(await following)).toEqual(upTo(5));
    });

    it('is not stopped by what is no fact', async () => {
      const runId = newRunId();
      const events = runOf(runId, 3);
      const journal = journalOf(events);
      const following = collect({ runId, after: 0, fetch: journal.read, fresh: true });
      await roundTrip(reader);
      for (const body of ['{', '', 'null', '{"specversion":"1.0"}']) {
        await world.stock.publish(`run.acme.${runId}.orchestrator.planning.started`, body);
      }
      for (const event of events) await live(event);
      expect(seqs(await following)).toEqual(upTo(3));
    });

    it('waits for a journal that does not answer at the moment', async () => {
      const runId = newRunId();
      const journal = journalOf(runOf(runId, 3));
      let failures = 0;
      const fetch = async (after: number) => {
        if ((failures += 1) <= 3) throw new AppError('no_responders');
        return journal.read(after);
      };
      expect(seqs(await collect({ runId, after: 0, fetch }))).toEqual(upTo(3));
    });

    it('goes on with what comes live while the journal does not answer', async () => {
      const runId = newRunId();
      const events = runOf(runId, 4);
      const journal = journalOf(events);
      let away = false;
      const fetch = async (after: number) => {
        if (away) throw new AppError('no_responders');
        return journal.read(after);
      };
      const got: number[] = [];
      const signal = AbortSignal.timeout(50_000);
      const following = (async () => {
        for await (const batch of reader.follow({ tenantId: 'acme', runId, after: 0, fetch, signal, fresh: true })) {
          got.push(...seqs(batch));
        }
      })();
      await roundTrip(reader);
      await live(events[0]!);
      await until(() => got.length === 1);
      away = true;
      await live(events[2]!); // a hole: the journal is asked, in vain
      await pause(300);
      await live(events[1]!);
      await until(() => got.length === 3, 5_000);
      await live(events[3]!);
      await following;
      expect(got).toEqual([1, 2, 3, 4]);
    });

    it('says at once what asking again will not change', async () => {
      const fetch = async () => Promise.reject(new AppError('not_found'));
      const start = Date.now();
      await expect(collect({ runId: newRunId(), after: 0, fetch })).rejects.toMatchObject({ code: 'not_found' });
      expect(Date.now() - start).toBeLessThan(20_000);
    });

    it('hands on text while the model speaks', async () => {
      const runId = newRunId();
      const events = runOf(runId, 2);
      const texts: string[] = [];
      const onLive = ({ text }: LiveDelta) => void texts.push(text);
      const following = collect({ runId, after: 0, fetch: journalOf([]).read, fresh: true, onLive });
      await roundTrip(reader);
      for (const [index, text] of ['a', 'b', 'c'].entries()) {
        writer.publishLive('acme', { runId, messageId: 'm1', index, text, stepNumber: 1 });
      }
      await writer.publishEvents(events);
      await following;
      expect(texts).toEqual(['a', 'b', 'c']);
    });

    it('a listener that throws harms nobody else', async () => {
      const runId = newRunId();
      const events = runOf(runId, 2);
      const onLive = () => {
        throw new Error('not mine');
      };
      const texts: string[] = [];
      const journal = journalOf([]);
      const one = collect({ runId, after: 0, fetch: journal.read, fresh: true, onLive });
      const two = collect({
        runId,
        after: 0,
        fetch: journal.read,
        fresh: true,
        onLive: ({ text }) => void texts.push(text),
      });
      await roundTrip(reader);
      writer.publishLive('acme', { runId, messageId: 'm1', index: 0, text: 'a', stepNumber: 1 });
      await writer.publishEvents(events);
      expect(seqs(await one)).toEqual([1, 2]);
      expect(seqs(await two)).toEqual([1, 2]);
      expect(texts).toEqual(['a']);
      expect(journal.asked).toBe(0);
    });

    it('a slow reader misses nothing, however much comes meanwhile', async () => {
      const runId = newRunId();
      const events = runOf(runId, 5_000);
      const journal = journalOf(events);
      const got: number[] = [];
      const signal = AbortSignal.timeout(50_000);
      const following = reader.follow({ tenantId: 'acme', runId, after: 0, fetch: journal.read, signal, fresh: true });
      for (let from = 0; from < events.length; from += 500) await writer.publishEvents(events.slice(from, from + 500));
      for await (const batch of following) got.push(...seqs(batch));
      expect(got).toEqual(upTo(5_000));
    });

    it('many readers of one run share one subscription, and leave none behind, however they leave', async () => {
      const runId = newRunId();
      const before = await world.subscriptionsOf('gateway');
      const journal = journalOf(runOf(runId, 3).slice(0, 2));
      const abort = new AbortController();
      setMaxListeners(20, abort.signal);
      const readers = Array.from({ length: 20 }, () =>
        reader.follow({
          tenantId: 'acme',
          runId,
          after: 0,
          fetch: journal.read,
          signal: abort.signal,
          onLive: () => undefined,
        }),
      );
      await until(async () => (await world.subscriptionsOf('gateway')) === before + 2);
      readers[0]!.close(); // never read
      for await (const batch of readers[1]!) if (batch.length > 0) break; // left early
      const failing = (async () => {
        for await (const batch of readers[2]!) if (batch.length > 0) throw new Error('the client is gone');
      })();
      await expect(failing).rejects.toThrow('the client is gone');
      const waiting = Promise.all(
        readers.slice(3).map(async (following) => {
          for await (const batch of following) expect(batch.length).toBe(2);
        }),
      );
      await pause(100);
      expect(await world.subscriptionsOf('gateway')).toBe(before + 2);
      abort.abort();
      await waiting;
      await until(async () => (await world.subscriptionsOf('gateway')) === before);
    });

    it('leaves no subscription behind, whether it was read to its end, left early, or never read', async () => {
      const before = await world.subscriptionsOf('gateway');
      const runId = newRunId();
      const fetch = journalOf(runOf(runId, 3)).read;
      for (let n = 0; n < 30; n += 1) {
        const abort = new AbortController();
        const options = { tenantId: 'acme', runId, after: 0, fetch, signal: abort.signal, onLive: () => undefined };
        const following = reader.follow(options);
        if (n % 3 === 0) for await (const _ of following) continue;
        else if (n % 3 === 1) for await (const _ of following) break;
        else abort.abort();
      }
      await until(async () => (await world.subscriptionsOf('gateway')) === before);
    });

    it('with a signal that was aborted before gives nothing and leaves nothing', async () => {
      const before = await world.subscriptionsOf('gateway');
      const runId = newRunId();
      const fetch = journalOf(runOf(runId, 3)).read;
      expect(await collect({ runId, after: 0, fetch, signal: AbortSignal.abort() })).toEqual([]);
      await until(async () => (await world.subscriptionsOf('gateway')) === before);
    });
  });
}
