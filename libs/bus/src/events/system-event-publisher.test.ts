import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { SystemFact } from '@switchyard/contracts';
import { createLogger } from '@switchyard/platform';
import { SystemEventPublisher } from './system-event-publisher.ts';

const fact: SystemFact = { type: 'tools.catalog.changed', data: { tools: 1 } };
const lines: string[] = [];
const log = createLogger({ app: 'test', destination: { write: (line: string) => void lines.push(line) } });

beforeEach(() => {
  lines.length = 0;
  jest.useFakeTimers();
});
afterEach(() => void jest.useRealTimers());

describe('a publisher of system events', () => {
  it('never fails its caller: the log says what the bus refused', async () => {
    const events = new SystemEventPublisher({ publishSystem: () => Promise.reject(new Error('no stream')) }, log);
    events.publish(fact);
    await jest.advanceTimersByTimeAsync(1);
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0]!)).toMatchObject({ type: fact.type, data: fact.data, err: { message: 'no stream' } });
  });

  it('lets a bounded number wait for the bus, and says once how many did not', async () => {
    const answers: (() => void)[] = [];
    const publishSystem = () => new Promise<void>((resolve) => answers.push(resolve));
    const events = new SystemEventPublisher({ publishSystem }, log);
    for (let n = 0; n < 300; n += 1) events.publish(fact);
    expect(answers).toHaveLength(256);
    await jest.advanceTimersByTimeAsync(5_000);
    expect(lines.map((line) => (JSON.parse(line) as { count: number }).count)).toEqual([44]);
    for (const answer of answers.splice(0)) answer();
    await jest.advanceTimersByTimeAsync(1);
    events.publish(fact);
    expect(answers).toHaveLength(1);
  });

  it('publishes no more a second than it may, and goes on in the next', async () => {
    let published = 0;
    const publishSystem = () => Promise.resolve(void (published += 1));
    const events = new SystemEventPublisher({ publishSystem }, log, { perSecond: 20 });
    for (let n = 0; n < 50; n += 1) events.publish(fact);
    expect(published).toBe(20);
    await jest.advanceTimersByTimeAsync(1_000);
    for (let n = 0; n < 50; n += 1) events.publish(fact);
    expect(published).toBe(40);
    await jest.advanceTimersByTimeAsync(1_000);
    expect(lines).toHaveLength(2);
  });
});
