import { afterEach, describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '@switchyard/testing';
import { pauseMs, type Running, Supervised } from './supervised.ts';

const quick = { firstMs: 5, lastMs: 20, healthyMs: 60_000 };

/** A process that ends when it is told to. */
class FakeProcess implements Running {
  readonly url = 'http://127.0.0.1:1';
  readonly exited: Promise<string>;
  readonly pid: number;
  end!: (how: string) => void;

  constructor(pid: number) {
    this.pid = pid;
    this.exited = new Promise((resolve) => (this.end = resolve));
  }

  stop(): Promise<void> {
    this.end('stopped');
    return Promise.resolve();
  }
}

function supervise(launch?: (n: number) => Promise<Running>) {
  const launched: FakeProcess[] = [];
  const notices: string[] = [];
  const supervised = new Supervised({
    name: 'worker',
    launch: () => {
      if (launch) return launch(launched.length);
      const process = new FakeProcess(launched.length + 1);
      launched.push(process);
      return Promise.resolve(process);
    },
    onChange: () => undefined,
    onNotice: (line) => notices.push(line),
    pauses: quick,
  });
  return { supervised, launched, notices };
}

describe('Supervised', () => {
  let toStop: Supervised | undefined;
  afterEach(() => toStop?.stop());

  it('starts a process again whenever it ends, and says so', async () => {
    const { supervised, launched, notices } = supervise();
    toStop = supervised;
    await supervised.start();
    launched[0]!.end('ended by SIGKILL');
    await until(() => supervised.current?.pid === 2);
    launched[1]!.end('exit code 1');
    await until(() => supervised.current?.pid === 3);
    expect(notices[0]).toMatch(/worker ended \(ended by SIGKILL\); starting it again in 0\.005 s/);
    expect(notices).toContain('worker is back (pid 2)');
  });

  it('waits longer each time', () => {
    expect([0, 1, 2, 9].map((n) => pauseMs(n, { firstMs: 200, lastMs: 10_000 }))).toEqual([200, 400, 800, 10_000]);
  });

  it('starts nothing after stop, also where stop comes during the pause', async () => {
    const { supervised, launched } = supervise();
    await supervised.start();
    launched[0]!.end('exit code 1');
    await supervised.stop();
    await sleep(60);
    expect(supervised.current).toBeUndefined();
    expect(launched.length).toBeLessThanOrEqual(1);
  });

  it('a start that finishes after stop leaves no process', async () => {
    const late = new FakeProcess(9);
    let launch!: (process: Running) => void;
    const { supervised } = supervise(() => new Promise((resolve) => (launch = resolve)));
    const starting = supervised.start();
    await supervised.stop();
    launch(late);
    await expect(starting).rejects.toThrow(/stopped while it started/);
    expect(await late.exited).toBe('stopped');
  });

  it('keeps trying where a new start fails', async () => {
    const first = new FakeProcess(1);
    let tries = 0;
    const { supervised, notices } = supervise(() => {
      tries++;
      if (tries === 1) return Promise.resolve(first);
      return tries < 4 ? Promise.reject(new Error('port taken')) : Promise.resolve(new FakeProcess(4));
    });
    toStop = supervised;
    await supervised.start();
    first.end('exit code 1');
    await until(() => supervised.current?.pid === 4);
    expect(notices.filter((line) => line.includes('could not be started: port taken'))).toHaveLength(2);
  });
});
