import { afterEach, describe, expect, it } from '@jest/globals';
import { createMemoryBus } from '@switchyard/bus';
import { AppError, modelTurn, type ModelTurnMessage, performStep, type RunFactDraft } from '@switchyard/contracts';
import { createLogger, parseConfig } from '@switchyard/platform';
import type { ComputerSessions, KeptFrame, Store } from '@switchyard/store';
import type { Computer, ComputerBackend, Frame } from '../src/computer/index.ts';
import { Config, createComputerUse } from '../src/index.ts';

/* The app over a screen of paper: a step from the bus to the hands and back, and its end by a cancel. */

const SIZE = { width: 1_280, height: 800 };
const frameOf = (n: number): Frame => ({
  png: Buffer.from([n]),
  sha256: String(n).padStart(64, '0'),
  scale: 1,
  ...SIZE,
});

/** Each act but a wait changes it. */
class PaperScreen implements Computer {
  readonly size = SIZE;
  readonly acts: object[] = [];
  closed = false;

  frame(): Promise<Frame> {
    return Promise.resolve(frameOf(this.acts.length));
  }

  async act(action: { kind: string }, signal?: AbortSignal) {
    if (action.kind === 'wait')
      await new Promise((_, refuse) => signal?.addEventListener('abort', () => refuse(new AppError('cancelled'))));
    this.acts.push(action);
    return { frame: await this.frame(), changed: true, changedRegion: null, settled: true, durationMs: 1 };
  }

  close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }
}

function memorySessions(): ComputerSessions {
  let outcome: string | undefined;
  const yes = () => Promise.resolve(true);
  return {
    begin: () =>
      Promise.resolve(
        outcome === undefined ? { outcome: 'mine', generation: 1 } : { outcome: 'known', result: outcome },
      ),
    renew: yes,
    keepTurn: (_session, _turn, body) => Promise.resolve(body),
    dispatch: yes,
    complete: yes,
    end: (_session, result) => ((outcome = result), yes()),
    leave: yes,
    remove: () => Promise.resolve(0),
  };
}

type Said = readonly [name: string, args: object];
const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

async function system(answer: (messages: readonly ModelTurnMessage[], role: string) => Said) {
  const hub = createMemoryBus();
  const log = createLogger({ app: 'test', level: 'silent' });
  const asker = hub.connect('orchestrator');
  await asker.answer(modelTurn, ({ messages, functions }) => {
    const has = (name: string) => functions.some((offered) => offered.name === name);
    const role = has('point') ? 'grounding' : has('verdict') ? 'reflection' : 'worker';
    const [name, args] = answer(messages, role);
    const call = { id: 'c', name, arguments: JSON.stringify(args) };
    return Promise.resolve({ text: '', calls: [call], usage: { input_tokens: 10, output_tokens: 2 } });
  });
  const screens: PaperScreen[] = [];
  const backend: ComputerBackend = {
    name: 'paper',
    capacity: () => ({ free: 1, total: 1 }),
    open: () => {
      const screen = new PaperScreen();
      screens.push(screen);
      return Promise.resolve(screen);
    },
    close: () => Promise.resolve(),
  };
  const kept = new Map<string, KeptFrame>();
  const frames = {
    keep: (_run: object, frame: KeptFrame) => Promise.resolve(void kept.set(frame.sha256, frame)),
    get: (_run: object, hash: string) => Promise.resolve(kept.get(hash)),
    remove: () => Promise.resolve(0),
  };
  const store = { computerSessions: memorySessions(), frames, ping: () => Promise.resolve() } as unknown as Store;
  const config = parseConfig(Config, { BUS_TRUST: 'open', DATABASE_URL: 'postgres://nowhere/x' });
  if (!config.ok) throw new Error(JSON.stringify(config.problems));
  const app = createComputerUse(config.value, {
    bus: hub.connect('computer-use'),
    store,
    backend,
    log,
    handleSignals: false,
  });
  await app.start();
  stops.push(() => app.stop());
  const facts: RunFactDraft[] = [];
  const perform = (signal?: AbortSignal) =>
    asker.request(
      performStep.computer_use,
      {
        principal: { tenantId: 'acme', userId: 'ann', role: 'user', via: 'dev' },
        runId: 'run-1',
        stepId: 'step-cu-001',
        threadId: 'thread-1',
        idempotencyKey: 'run-1:step-cu-001',
        attempt: 1,
        task: 'Press the button "Save"',
      },
      { ...(signal ? { signal } : {}), onProgress: (fact) => facts.push(fact as RunFactDraft) },
    );
  return { perform, screens, facts, kept };
}

describe('a step on a screen', () => {
  it('is seen, decided, found, done, judged and told turn by turn; asked again, it is answered and not done again', async () => {
    let plans = 0;
    const { perform, screens, facts, kept } = await system((_messages, role) => {
      if (role === 'grounding') return ['point', { x: 300, y: 200 }];
      if (role === 'reflection')
        return ['verdict', { verdict: plans > 1 ? 'done' : 'on_plan', reason: 'It was pressed.' }];
      return ++plans === 1 ? ['click', { target: 'the button "Save"' }] : ['done', { answer: 'Saved.' }];
    });
    const result = await perform();
    expect(result).toMatchObject({
      status: 'succeeded',
      output: { answer: 'Saved.', turns: 1, actions: 1, session: 'sealed' },
      provenance: { trust: 'untrusted' },
    });
    expect(screens[0]!.acts).toEqual([{ kind: 'click', x: 300, y: 200, button: 'left' }]);
    expect(screens[0]!.closed).toBe(true);
    expect(facts.map(({ type }) => type)).toEqual([
      'computer_use.task.started',
      'computer_use.session.opened',
      'worker.step.started',
      'grounding.generate_coords.started',
      'grounding.generate_coords.completed',
      'computer_use.action.performed',
      'worker.step.completed',
      'worker.step.started',
      'worker.reflection.started',
      'worker.reflection.completed',
      'worker.reflection.started',
      'worker.reflection.completed',
      'worker.step.completed',
      'computer_use.session.closed',
      'computer_use.task.completed',
    ]);
    expect([...kept.keys()]).toEqual([frameOf(0).sha256, frameOf(1).sha256]);
    expect(JSON.stringify(facts)).not.toContain('base64');
    expect(await perform()).toEqual(result);
    expect(screens).toHaveLength(1);
  });

  it('that is cancelled ends while the hands still wait, and its screen is closed', async () => {
    const cancel = new AbortController();
    const { perform, screens, facts } = await system(() => ['wait', { ms: 10_000 }]);
    const step = perform(cancel.signal);
    while (!facts.some(({ type }) => type === 'worker.step.started')) await new Promise((done) => setTimeout(done, 5));
    cancel.abort(new AppError('cancelled'));
    await expect(step).rejects.toMatchObject({ code: 'cancelled' });
    while (screens[0]?.closed !== true) await new Promise((done) => setTimeout(done, 5));
    expect(screens[0].acts).toEqual([]);
  });
});
