import { afterEach, describe, expect, it } from '@jest/globals';
import {
  AppError,
  listTools,
  performStep,
  type RunEvent,
  type StepRequest,
  TERMINAL_TYPE,
  toCloudEvent,
  xmppStatus,
} from '@switchyard/contracts';
import { until } from '@switchyard/testing';
import { type Bus, type ConsumedMessage, Leaving, prepareAnswer } from '../src/index.ts';

/** What both implementations of the bus must do. `connect` gives a new connection; all of them meet. */
export interface Subject {
  connect(app: string): Promise<Bus>;
}

export const STEP: StepRequest = {
  principal: { tenantId: 'acme', userId: 'u1', role: 'user', via: 'dev' },
  runId: 'run-1',
  stepId: 'step-mcp-001',
  threadId: 'thread-1',
  idempotencyKey: 'run-1:step-mcp-001',
  attempt: 1,
  task: 'x',
  toolConstraints: { mode: 'auto', providers: [], tools: [] },
};

let runs = 0;
/** The events of a run of its own, the last one terminal. */
export function eventsOf(length: number, runId = `run-${process.pid}-${(runs += 1)}`): RunEvent[] {
  const place = (seq: number) => ({
    runId,
    tenantId: 'acme',
    seq,
    epoch: 1,
    stepId: null,
    ts: 1_700_000_000_000 + seq,
  });
  return Array.from({ length }, (_, index): RunEvent =>
    index === length - 1
      ? {
          ...place(index + 1),
          type: TERMINAL_TYPE,
          data: {
            status: 'success',
            completion_reason: 'ok',
            answer: 'a',
            total_steps: 0,
            successful_steps: 0,
            failed_steps: 0,
            usage: { input_tokens: 0, output_tokens: 0 },
            error: null,
            error_code: null,
          },
        }
      : { ...place(index + 1), type: 'worker.reflection.started', data: { step: index, has_prior_reflection: false } },
  );
}

export const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'no error',
    (error: unknown) => (error instanceof AppError ? error.code : String(error)),
  );
export const fromJournal = (events: readonly RunEvent[]) => async (after: number) => {
  const page = events.filter((event) => event.seq > after).slice(0, 100);
  return { events: page, lastSeq: events.at(-1)?.seq ?? 0, ended: true };
};

export function conformance(name: string, subject: () => Subject): void {
  describe(name, () => {
    const open: Bus[] = [];
    const connect = async (app: string) => {
      const bus = await subject().connect(app);
      open.push(bus);
      return bus;
    };
    afterEach(async () => {
      await Promise.all(open.splice(0).map((bus) => bus.close()));
    });

    it('answers a request with what the handler gives', async () => {
      const [asker, answerer] = [await connect('orchestrator'), await connect('mcp-tool')];
      await answerer.answer(performStep.mcp, async (step, call) => ({
        status: 'succeeded' as const,
        output: { task: step.task, key: call.idempotencyKey },
      }));
      const result = await asker.request(performStep.mcp, STEP, { idempotencyKey: 'k' });
      expect(result).toEqual({ status: 'succeeded', output: { task: 'x', key: 'k' } });
    });

    it('says at once that nobody answers', async () => {
      const asker = await connect('orchestrator');
      const began = Date.now();
      expect(await codeOf(asker.request(performStep.a2a, STEP))).toBe('no_responders');
      expect(Date.now() - began).toBeLessThan(5_000);
    });

    it('shares requests between the instances of an app and gives each to one', async () => {
      const asker = await connect('orchestrator');
      const seen = [0, 0];
      for (const n of [0, 1]) {
        const answerer = await connect('mcp-tool');
        await answerer.answer(performStep.mcp, async () => ({ status: 'succeeded' as const, output: (seen[n]! += 1) }));
      }
      await Promise.all(Array.from({ length: 60 }, () => asker.request(performStep.mcp, STEP)));
      expect(seen[0]! + seen[1]!).toBe(60);
      expect(Math.min(...seen)).toBeGreaterThan(0);
    });

    it('gives a lease to one instance of an app, and to the next when the first one gives it back', async () => {
      const terms: string[] = [];
      const name = `lease-${process.pid}-${(runs += 1)}`;
      const take = async (holder: string) => {
        const bus = await connect('xmpp-bridge');
        const onChange = (token: number | undefined): void => void terms.push(`${holder} ${token ? 'has' : 'lost'} it`);
        return bus.lease({ name, holder, ttlMs: 1_500, onChange });
      };
      const first = await take('a');
      await until(() => first.token !== undefined, 10_000);
      const second = await take('b');
      await until(() => second.settled, 10_000);
      expect(second.token).toBeUndefined();
      const token = first.token!;
      await first.close();
      expect(first.token).toBeUndefined();
      await until(() => second.token !== undefined, 10_000);
      expect(second.token).toBeGreaterThan(token);
      expect(terms).toEqual(['a has it', 'a lost it', 'b has it']);
    });

    it('lets the others have a lease before one that stood back', async () => {
      const name = `lease-${process.pid}-${(runs += 1)}`;
      const [a, b] = [await connect('xmpp-bridge'), await connect('xmpp-bridge')];
      const first = a.lease({ name, holder: 'a', ttlMs: 6_000, onChange: () => undefined });
      await until(() => first.token !== undefined, 10_000);
      const second = b.lease({ name, holder: 'b', ttlMs: 1_500, onChange: () => undefined });
      await until(() => second.settled, 10_000);
      first.standBack();
      expect(first.token).toBeUndefined();
      await until(() => second.token !== undefined, 20_000);
      expect(first.token).toBeUndefined();
    });

    it('brings progress frames before the answer, in order', async () => {
      const [asker, answerer] = [await connect('orchestrator'), await connect('mcp-tool')];
      await answerer.answer(performStep.mcp, async (_step, call) => {
        for (let n = 0; n < 20; n += 1) call.progress({ n });
        return { status: 'succeeded' as const, output: 'done' };
      });
      const frames: unknown[] = [];
      await asker.request(performStep.mcp, STEP, { onProgress: (frame) => frames.push(frame) });
      expect(frames).toEqual(Array.from({ length: 20 }, (_, n) => ({ n })));
    });

    it('waits for a worker that is silent but alive, longer than three frames take', async () => {
      const [asker, answerer] = [await connect('orchestrator'), await connect('mcp-tool')];
      await answerer.answer(performStep.mcp, async () => {
        await pause(7_500);
        return { status: 'succeeded' as const, output: 'late' };
      });
      expect(await asker.request(performStep.mcp, STEP)).toMatchObject({ output: 'late' });
    });

    it('notices a worker that died in the middle within seven seconds', async () => {
      const [asker, answerer] = [await connect('orchestrator'), await connect('mcp-tool')];
      await answerer.answer(performStep.mcp, () => new Promise(() => undefined));
      const began = Date.now();
      const asked = codeOf(asker.request(performStep.mcp, STEP));
      await pause(100);
      await answerer.close();
      expect(['worker_lost', 'unavailable']).toContain(await asked);
      expect(Date.now() - began).toBeLessThan(10_000);
    });

    it('stops the work when the caller gives up', async () => {
      const [asker, answerer] = [await connect('orchestrator'), await connect('mcp-tool')];
      const stopped = new Promise<string>((resolve) => {
        void answerer.answer(performStep.mcp, (_step, call) => {
          call.signal.addEventListener('abort', () => resolve((call.signal.reason as AppError).code));
          return new Promise(() => undefined);
        });
      });
      await pause(50);
      const abort = new AbortController();
      const asked = codeOf(asker.request(performStep.mcp, STEP, { signal: abort.signal }));
      await pause(100);
      abort.abort();
      expect(await asked).toBe('cancelled');
      expect(await stopped).toBe('cancelled');
    });

    it('does not stop the work where the caller leaves the question to somebody else', async () => {
      const [asker, answerer] = [await connect('orchestrator'), await connect('mcp-tool')];
      let reason: unknown;
      let done = false;
      await answerer.answer(performStep.mcp, async (_step, call) => {
        call.signal.addEventListener('abort', () => (reason = call.signal.reason));
        await pause(600);
        done = true;
        return { status: 'succeeded' as const, output: 1 };
      });
      await pause(50);
      const abort = new AbortController();
      const asked = codeOf(asker.request(performStep.mcp, STEP, { signal: abort.signal }));
      await pause(100);
      abort.abort(new Leaving());
      expect(await asked).toBe('cancelled');
      await until(() => done);
      expect(reason).toBeUndefined();
    });

    it('stops the work when the caller is gone without a word', async () => {
      const [asker, answerer] = [await connect('orchestrator'), await connect('mcp-tool')];
      const stopped = new Promise<boolean>((resolve) => {
        void answerer.answer(performStep.mcp, (_step, call) => {
          call.signal.addEventListener('abort', () => resolve(true));
          return new Promise(() => undefined);
        });
      });
      await pause(50);
      const asked = codeOf(asker.request(performStep.mcp, STEP));
      await pause(100);
      await asker.close();
      await asked;
      expect(await stopped).toBe(true);
    });

    it('ends at the deadline, on both sides', async () => {
      const [asker, answerer] = [await connect('orchestrator'), await connect('mcp-tool')];
      const stopped = new Promise<boolean>((resolve) => {
        void answerer.answer(performStep.mcp, (_step, call) => {
          call.signal.addEventListener('abort', () => resolve(true));
          return new Promise(() => undefined);
        });
      });
      await pause(50);
      expect(await codeOf(asker.request(performStep.mcp, STEP, { timeoutMs: 300 }))).toBe('deadline_exceeded');
      expect(await stopped).toBe(true);
    });

    it('passes on the code and the sentence of a refusal, and nothing of a defect', async () => {
      const [asker, answerer] = [await connect('gateway'), await connect('mcp-tool')];
      await answerer.answer(listTools, async ({ principal }) => {
        if (principal.userId === 'u1') throw new AppError('forbidden', 'Not for you.', { cause: new Error('canary') });
        throw new Error('canary');
      });
      const ask = (userId: string) =>
        asker
          .request(listTools, { principal: { ...STEP.principal, userId } })
          .catch((error: unknown) => error as AppError);
      expect(await ask('u1')).toMatchObject({ code: 'forbidden', message: 'Not for you.' });
      const defect = await ask('u2');
      expect(defect).toMatchObject({ code: 'internal' });
      expect(JSON.stringify(defect) + String(defect)).not.toContain('canary');
    });

    it('refuses what breaks the contract, in either direction, and goes on', async () => {
      const [asker, answerer] = [await connect('gateway'), await connect('mcp-tool')];
      await answerer.answer(listTools, async () => ({ tools: [] }));
      await answerer.answer(xmppStatus, async () => ({ wrong: true }) as never);
      const wrong = await asker
        .request(listTools, { constraints: { mode: 'everything' } } as never)
        .catch((error: unknown) => error as AppError);
      expect(wrong).toMatchObject({ code: 'invalid_input', details: [expect.stringContaining('constraints.mode')] });
      expect(await codeOf(asker.request(xmppStatus, {}))).toBe('internal');
      expect(await asker.request(listTools, {})).toEqual({ tools: [] });
    });

    it('sends an answer that was prepared as it was then, and checks it as any other', async () => {
      const [asker, answerer] = [await connect('gateway'), await connect('mcp-tool')];
      const { answer, bytes } = prepareAnswer(listTools, { tools: [], etag: 'one', secret: 'canary' } as never);
      expect(() => prepareAnswer(listTools, { tools: [{ name: 7 }] } as never)).toThrow();
      await answerer.answer(listTools, () => Promise.resolve(answer));
      await answerer.answer(xmppStatus, () => Promise.resolve(answer as never));
      for (let n = 0; n < 2; n += 1) expect(await asker.request(listTools, {})).toEqual({ tools: [], etag: 'one' });
      expect(bytes).toBe('{"tools":[],"etag":"one"}'.length);
      expect(await codeOf(asker.request(xmppStatus, {}))).toBe('internal');
    });

    it('refuses a message that is too large before it is sent, and stays connected', async () => {
      const [asker, answerer] = [await connect('orchestrator'), await connect('mcp-tool')];
      await answerer.answer(performStep.mcp, async () => ({
        status: 'succeeded' as const,
        output: 'x'.repeat(2_000_000),
      }));
      expect(
        await codeOf(
          asker.request(performStep.mcp, {
            ...STEP,
            task: 'x'.repeat(190_000),
            call: { tool: 't', arguments: { big: 'x'.repeat(10_000_000) } },
          }),
        ),
      ).toBe('payload_too_large');
      expect(await codeOf(asker.request(performStep.mcp, STEP))).toBe('payload_too_large');
      expect(asker.status().connected).toBe(true);
    });

    it('refuses at once what is over the bound of requests under way', async () => {
      const [asker, answerer] = [await connect('orchestrator'), await connect('mcp-tool')];
      await answerer.answer(
        performStep.mcp,
        async () => pause(300).then(() => ({ status: 'succeeded' as const, output: 1 })),
        { maxInFlight: 2 },
      );
      const codes = await Promise.all(Array.from({ length: 5 }, () => codeOf(asker.request(performStep.mcp, STEP))));
      expect(codes.filter((code) => code === 'overloaded')).toHaveLength(3);
    });

    it('follows a run live, from before its start to its end', async () => {
      const [writer, reader] = [await connect('orchestrator'), await connect('gateway')];
      await writer.ensureStreams();
      const events = eventsOf(30);
      const following = reader.follow({
        tenantId: 'acme',
        runId: events[0]!.runId,
        after: 0,
        fresh: true,
        fetch: fromJournal(events),
        signal: new AbortController().signal,
      });
      await pause(50);
      for (let n = 0; n < events.length; n += 3) await writer.publishEvents(events.slice(n, n + 3));
      const seen: number[] = [];
      for await (const batch of following) seen.push(...batch.map(({ seq }) => seq));
      expect(seen).toEqual(events.map(({ seq }) => seq));
    });

    it('follows a run without gap or duplicate when messages are lost, doubled and out of order', async () => {
      const [writer, reader] = [await connect('orchestrator'), await connect('gateway')];
      await writer.ensureStreams();
      const events = eventsOf(40);
      const following = reader.follow({
        tenantId: 'acme',
        runId: events[0]!.runId,
        after: 3,
        fetch: fromJournal(events.slice(0, 10)),
        signal: new AbortController().signal,
      });
      const known = { length: 10 };
      const fetching = reader.follow({
        tenantId: 'acme',
        runId: events[0]!.runId,
        after: 0,
        fetch: async (after) => fromJournal(events.slice(0, known.length))(after),
        signal: new AbortController().signal,
      });
      following.close();
      await pause(50);
      const seen: number[] = [];
      const reading = (async () => {
        for await (const batch of fetching) seen.push(...batch.map(({ seq }) => seq));
      })();
      for (const n of [12, 11, 14, 14, 19, 25, 11]) {
        known.length = Math.max(known.length, n);
        await writer.publishEvents([events[n - 1]!]);
      }
      known.length = 40;
      await writer.publishEvents([events[39]!]);
      await reading;
      expect(seen).toEqual(events.map(({ seq }) => seq));
    });

    it('finds the end of a run whose last messages were all lost', async () => {
      const reader = await connect('gateway');
      const events = eventsOf(5);
      let known = 2;
      const following = reader.follow({
        tenantId: 'acme',
        runId: events[0]!.runId,
        after: 0,
        fetch: async (after) => fromJournal(events.slice(0, known))(after),
        signal: new AbortController().signal,
      });
      setTimeout(() => (known = 5), 200);
      const seen: number[] = [];
      for await (const batch of following) seen.push(...batch.map(({ seq }) => seq));
      expect(seen).toEqual([1, 2, 3, 4, 5]);
    });

    it('ends a reader whose signal is aborted or that stops reading', async () => {
      const reader = await connect('gateway');
      const events = eventsOf(5);
      const abort = new AbortController();
      const options = { tenantId: 'acme', runId: events[0]!.runId, after: 0, fetch: fromJournal(events.slice(0, 2)) };
      const aborted = reader.follow({ ...options, signal: abort.signal });
      setTimeout(() => abort.abort(), 100);
      let batches = 0;
      for await (const _batch of aborted) batches += 1;
      expect(batches).toBe(1);
      for await (const _batch of reader.follow({ ...options, signal: new AbortController().signal })) break;
    });

    it('refuses to follow an id that is no token', async () => {
      const reader = await connect('gateway');
      const options = { tenantId: 'acme', after: 0, fetch: fromJournal([]), signal: new AbortController().signal };
      for (const runId of ['a.>', '*', '', 'a b', 'x'.repeat(65)])
        expect(() => reader.follow({ ...options, runId })).toThrow(AppError);
    });

    it('carries text while the model speaks to whoever follows', async () => {
      const [writer, reader] = [await connect('orchestrator'), await connect('gateway')];
      const heard: string[] = [];
      const following = reader.follow({
        tenantId: 'acme',
        runId: 'run-live',
        after: 0,
        fresh: true,
        fetch: fromJournal([]),
        signal: new AbortController().signal,
        onLive: (delta) => heard.push(delta.text),
      });
      await pause(50);
      for (const [index, text] of ['a', 'b', 'c'].entries())
        writer.publishLive('acme', { runId: 'run-live', messageId: 'm', index, text, stepNumber: 1 });
      await pause(200);
      expect(heard).toEqual(['a', 'b', 'c']);
      following.close();
    });

    it('gives a durable consumer every event once it handled them, again after a failure', async () => {
      const [writer, reader] = [await connect('orchestrator'), await connect('audit')];
      await writer.ensureStreams();
      const events = eventsOf(12);
      const seen = new Map<number, number>();
      let fail = true;
      const consuming = reader.consume({
        stream: 'RUNS',
        durable: 'audit',
        handle: async (messages: ConsumedMessage[]) => {
          if (fail) {
            fail = false;
            throw new Error('not now');
          }
          for (const { event } of messages)
            if (event?.runId === events[0]!.runId) seen.set(event.seq, (seen.get(event.seq) ?? 0) + 1);
        },
      });
      await writer.publishEvents(events);
      await writer.publishEvents(events); // the same ids again
      for (let n = 0; n < 400 && seen.size < 12; n += 1) await pause(100);
      expect([...seen.keys()].sort((a, b) => a - b)).toEqual(events.map(({ seq }) => seq));
      await consuming.stop();
    }, 60_000);

    it('publishes the CloudEvents document of an event under its typed subject', async () => {
      const [writer, reader] = [await connect('orchestrator'), await connect('audit')];
      await writer.ensureStreams();
      const events = eventsOf(2);
      const raw: unknown[] = [];
      const consuming = reader.consume({
        stream: 'RUNS',
        durable: 'audit',
        handle: async (messages) =>
          void raw.push(
            ...messages.filter(({ event }) => event?.runId === events[0]!.runId).map((message) => message.raw),
          ),
      });
      await writer.publishEvents(events);
      for (let n = 0; n < 100 && raw.length < 2; n += 1) await pause(50);
      expect(raw).toEqual(events.map(toCloudEvent));
      await consuming.stop();
    });

    it('lets everybody hear a fact outside runs as it is told, until they stop', async () => {
      const [teller, one, two] = [await connect('a2a'), await connect('gateway'), await connect('operator')];
      await teller.ensureStreams();
      const heard: string[] = [];
      const hearings = [one, two].map((bus, n) => bus.hearSystem(({ type, app }) => heard.push(`${n} ${type} ${app}`)));
      const [first, second] = [await hearings[0]!, await hearings[1]!];
      const fact = { type: 'a2a.card.changed', data: { agent: 'x', digest: 'y' } } as const;
      await teller.publishSystem(fact);
      for (let n = 0; n < 100 && heard.length < 2; n += 1) await pause(50);
      expect(heard.sort()).toEqual(['0 a2a.card.changed a2a', '1 a2a.card.changed a2a']);
      await first.stop();
      await teller.publishSystem(fact);
      for (let n = 0; n < 100 && heard.length < 3; n += 1) await pause(50);
      expect(heard.at(-1)).toBe('1 a2a.card.changed a2a');
      await second.stop();
    });

    it('hands a wake-up to one, puts back what is busy, and lets everybody hear it', async () => {
      const [sender, one, two] = [
        await connect('gateway'),
        await connect('orchestrator'),
        await connect('orchestrator'),
      ];
      await sender.ensureStreams();
      const heard: string[] = [];
      await two.hearWakeUps(({ runId }) => heard.push(runId));
      const taken: string[] = [];
      let busy = true;
      const handler = async ({ runId }: { runId: string }) => {
        if (!runId.startsWith('wake-')) return 'done' as const;
        if (busy) {
          busy = false;
          return 'busy' as const;
        }
        taken.push(runId);
        return 'done' as const;
      };
      const subscriptions = [one.onWakeUp(handler), two.onWakeUp(handler)];
      await pause(100);
      await sender.wakeUp('acme', 'wake-1');
      await sender.wakeUp('acme', 'wake-2');
      for (let n = 0; n < 100 && taken.length < 2; n += 1) await pause(50);
      expect(taken.sort()).toEqual(['wake-1', 'wake-2']);
      expect(heard.filter((runId) => runId.startsWith('wake-'))).toHaveLength(2);
      await Promise.all(subscriptions.map((subscription) => subscription.stop()));
    });
  });
}
