import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { until } from '@switchyard/testing';
import { createLifecycle } from './lifecycle.ts';
import { createLogger } from './log/log.ts';

const EVENTS = ['SIGTERM', 'SIGINT', 'uncaughtException', 'unhandledRejection'] as const;
const before = new Map(EVENTS.map((event) => [event, process.listeners(event as 'SIGTERM')]));

function setup(options: { drainTimeoutMs?: number; handleSignals?: boolean } = {}) {
  const lines: string[] = [];
  const log = createLogger({ app: 'test', level: 'info', destination: { write: (line) => void lines.push(line) } });
  return { lines, lifecycle: createLifecycle({ log, handleSignals: false, ...options }) };
}

/** Only the listeners of the part under test: a real signal must not reach the test runner's. */
function signal(event: (typeof EVENTS)[number], argument: unknown = event): void {
  for (const listener of process.listeners(event as 'SIGTERM'))
    if (!before.get(event)?.includes(listener)) (listener as (argument: unknown) => void)(argument);
}

const codes: (number | string | null | undefined)[] = [];
// Never restored: a lifecycle under test may still want to exit when its limit is over.
jest.spyOn(process, 'exit').mockImplementation((code) => {
  codes.push(code);
  return undefined as never;
});

const settled = () => new Promise((resolve) => setTimeout(resolve, 50));

afterEach(() => {
  codes.length = 0;
  for (const event of EVENTS)
    for (const listener of process.listeners(event as 'SIGTERM'))
      if (!before.get(event)?.includes(listener)) process.removeListener(event, listener);
});

describe('stop', () => {
  it('tells each part what time is left, and leaves the last ones a moment', async () => {
    const { lifecycle } = setup({ drainTimeoutMs: 1_000 });
    const left: number[] = [];
    lifecycle.onStop('last', (leftMs) => void left.push(leftMs));
    lifecycle.onStop('hangs', (leftMs) => {
      left.push(leftMs);
      return new Promise(() => {});
    });
    await lifecycle.stop();
    expect(left[0]).toBeGreaterThan(500);
    expect(left[1]).toBe(100);
  });

  it('stops what was started last first, one after the other, once', async () => {
    const { lifecycle } = setup();
    const order: string[] = [];
    for (const name of ['database', 'bus', 'http'])
      lifecycle.onStop(name, async () => {
        order.push(`${name} begins`);
        await Promise.resolve();
        order.push(`${name} ends`);
      });
    await Promise.all([lifecycle.stop(), lifecycle.stop()]);
    expect(order).toEqual(['http begins', 'http ends', 'bus begins', 'bus ends', 'database begins', 'database ends']);
  });

  it('goes on when a part fails or hangs, within the limit for all together', async () => {
    const { lifecycle, lines } = setup({ drainTimeoutMs: 100 });
    const stopped: string[] = [];
    lifecycle.onStop('first', () => void stopped.push('first'));
    lifecycle.onStop('throws', () => {
      throw new Error('broken');
    });
    lifecycle.onStop('rejects', () => Promise.reject(new Error('broken')));
    lifecycle.onStop('hangs', () => new Promise(() => {}));
    const started = performance.now();
    await lifecycle.stop();
    expect(performance.now() - started).toBeLessThan(20_000);
    expect(stopped).toEqual(['first']);
    expect(lines.join('')).toMatch(/"event":"shutdown_part_late","part":"hangs"/);
    expect(lines.join('')).toMatch(/"event":"shutdown_part_failed","part":"rejects"/);
  });

  it('stops a part too that is registered while, or after, it stops', async () => {
    const { lifecycle } = setup();
    const stopped: string[] = [];
    lifecycle.onStop('slow', async () => {
      await settled();
      stopped.push('slow');
    });
    const stopping = lifecycle.stop();
    lifecycle.onStop('during', () => void stopped.push('during'));
    await stopping;
    lifecycle.onStop('after', () => void stopped.push('after'));
    await until(() => stopped.length === 3);
    expect(stopped.sort()).toEqual(['after', 'during', 'slow']);
  });
});

describe('signals and defects', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)('%s drains, then ends with 0', async (name) => {
    const { lifecycle } = setup({ handleSignals: true });
    let drained = false;
    lifecycle.onStop('part', () => void (drained = true));
    signal(name);
    await until(() => codes.length > 0);
    expect([drained, codes]).toEqual([true, [0]]);
  });

  it('a second signal ends the process at once', async () => {
    const { lifecycle } = setup({ handleSignals: true, drainTimeoutMs: 200 });
    lifecycle.onStop('hangs', () => new Promise(() => {}));
    signal('SIGTERM');
    expect(codes).toEqual([]);
    signal('SIGTERM');
    expect(codes).toEqual([130]);
    await new Promise((resolve) => setTimeout(resolve, 250));
  });

  it('a defect while it stops does not cut the stop short, and still ends with 1', async () => {
    const { lifecycle } = setup({ handleSignals: true });
    const stopped: string[] = [];
    lifecycle.onStop('lease', () => void stopped.push('lease'));
    lifecycle.onStop('slow', async () => {
      await settled();
      stopped.push('slow');
    });
    signal('SIGTERM');
    signal('unhandledRejection', new Error('stray'));
    expect(codes).toEqual([]);
    await until(() => codes.length > 0);
    expect([stopped, codes]).toEqual([['slow', 'lease'], [1]]);
  });

  it('leaves no timer behind that would end the process later', async () => {
    const { lifecycle } = setup({ handleSignals: true, drainTimeoutMs: 50 });
    lifecycle.onStop('part', () => {});
    signal('SIGTERM');
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    expect(codes).toEqual([0]);
  });

  it.each(['uncaughtException', 'unhandledRejection'] as const)(
    '%s is logged once and ends with 1 at once: nothing is handed back by a process that is broken',
    async (name) => {
      const { lines, lifecycle } = setup({ handleSignals: true });
      let stopped = false;
      lifecycle.onStop('lease', () => void (stopped = true));
      signal(name, new Error('defect'));
      signal(name, new Error('its consequence'));
      await until(() => codes.length > 0);
      await settled();
      expect([stopped, codes[0]]).toEqual([false, 1]);
      expect(lines.join('').match(/"level":"fatal"/g)).toHaveLength(1);
      expect(lines.join('')).toMatch(/"level":"fatal".*defect/);
    },
  );
});
