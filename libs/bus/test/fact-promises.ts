import { describe, expect, it } from '@jest/globals';
import { fromSystemCloudEvent, subjects, toCloudEvent } from '@switchyard/contracts';
import { until } from '@switchyard/testing';
import type { Bus, ConsumedMessage } from '../src/index.ts';
import { newRunId, pause, runOf } from './fixtures.ts';
import { roundTrip } from './harness.ts';
import type { Parties } from './parties.ts';

/** What was committed is told once, to everybody, as a document that any client reads. */
export function describeFacts(parties: Parties): void {
  const consume = (bus: Bus, stream: 'RUNS' | 'SYSTEM', durable: string, take: (m: ConsumedMessage) => void) =>
    bus.consume({ stream, durable, handle: async (messages) => void messages.forEach(take) });

  describe('facts', () => {
    it('of a run are stored once each, in order, however often they are published', async () => {
      const auditor = await parties.world.connect('audit');
      const runId = newRunId();
      const events = runOf(runId, 300);
      const seen: ConsumedMessage[] = [];
      const consuming = consume(auditor, 'RUNS', 'audit', (message) => {
        if (message.event?.runId === runId) seen.push(message);
      });
      await parties.worker.publishEvents(events);
      await parties.worker.publishEvents(events.slice(100, 200));
      await parties.worker.publishEvents(events);
      await until(() => seen.length >= 300, 10_000);
      await pause(100);
      expect(seen.map(({ event }) => event)).toEqual(events);
      expect(seen.map(({ raw }) => raw)).toEqual(events.map(toCloudEvent));
      await consuming.stop();
    });

    it('are CloudEvents that any client may read, under the subject of their type', async () => {
      const runId = newRunId();
      const heard = await parties.world.stock.hear(`run.acme.${runId}.>`);
      const ends = await parties.world.stock.hear(`run.acme.${runId}.orchestrator.task.completed`);
      await parties.worker.publishEvents(runOf(runId, 2));
      await until(() => heard.length === 2 && ends.length === 1);
      expect(JSON.parse(heard[0]!)).toMatchObject({
        specversion: '1.0',
        id: `${runId}:1`,
        type: 'orchestrator.planning.started',
        source: '/switchyard/orchestrator',
      });
    });

    it('outside a run are CloudEvents, numbered by their producer without a hole', async () => {
      const auditor = await parties.world.connect('audit');
      const heard = await parties.world.stock.hear('sys.tools.>');
      const seen: ConsumedMessage[] = [];
      const consuming = consume(auditor, 'SYSTEM', 'audit', (message) => seen.push(message));
      const fact = {
        type: 'tools.credential.missing',
        data: { tool: 'weather', credential: 'KEY' },
      } as const;
      for (let n = 0; n < 3; n += 1) await parties.worker.publishSystem(fact);
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

    it('outside a run are heard by everybody as they are told, until they stop', async () => {
      const [sequencer, one, two] = await Promise.all(
        ['a2a', 'gateway', 'operator'].map((app) => parties.world.connect(app)),
      );
      const heard: string[] = [];
      const subscription = (bus: Bus, n: number, about?: string) =>
        bus.subscribeSystem(({ type, app }) => void heard.push(`${n} ${type} ${app}`), about);
      const [first, second] = [await subscription(one!, 1), await subscription(two!, 2, 'a2a.card')];
      const fact = { type: 'a2a.card.changed', data: { agent: 'x', digest: 'y' } } as const;
      await sequencer!.publishSystem(fact);
      await until(() => heard.length === 2);
      expect(heard.sort()).toEqual(['1 a2a.card.changed a2a', '2 a2a.card.changed a2a']);
      await first.stop();
      await sequencer!.publishSystem(fact);
      await until(() => heard.length === 3);
      await roundTrip(one!);
      expect(heard[2]).toBe('2 a2a.card.changed a2a');
      await second.stop();
    });

    it('come again soon where handling them failed', async () => {
      const auditor = await parties.world.connect('audit');
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
      await parties.worker.publishEvents(runOf(runId, 3));
      await until(() => seen.length >= 3, 12_000);
      expect(seen.sort()).toEqual([1, 2, 3]);
      expect(failures).toBe(2);
      await consuming.stop();
    });

    it('refuse an id that is none, whatever it tries', async () => {
      const [event] = runOf('run-x', 2);
      for (const runId of ['a.b', 'a.>', '*', '>', '', 'a b', 'a\r\nPUB x', 'x'.repeat(81), 'ä', '../x', 'a\0']) {
        await expect(parties.worker.publishEvents([{ ...event!, runId }])).rejects.toMatchObject({
          code: 'invalid_id',
        });
        await expect(parties.worker.wakeUp('acme', runId)).rejects.toMatchObject({ code: 'invalid_id' });
        await expect(parties.worker.wakeUp(runId, 'run-1')).rejects.toMatchObject({ code: 'invalid_id' });
        expect(() => subjects.runFilter('acme', runId)).toThrow();
        expect(() =>
          parties.asker.follow({ ...NOTHING, tenantId: 'acme', runId, signal: new AbortController().signal }),
        ).toThrow(expect.objectContaining({ code: 'invalid_id' }));
      }
      expect(parties.worker.status().connected).toBe(true);
    });
  });
}

const NOTHING = { after: 0, fetch: async () => ({ events: [], lastSeq: 0, ended: false }) };
