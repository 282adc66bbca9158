import { describe, expect, it } from '@jest/globals';
import { AppError, type SystemFact } from '@switchyard/contracts';
import { createLogger, createMetrics } from '@switchyard/platform';
import { FactQueue } from './fact-queue.ts';

const log = createLogger({ app: 'gateway', level: 'silent' });
const fact: SystemFact = { type: 'gateway.service.started', data: { version: '1', identity_mode: 'dev' } };

describe('facts of logins and streams', () => {
  it('are told many together, and all of them before a stop', async () => {
    let told = 0;
    let atOnce = 0;
    let most = 0;
    const publishSystem = async () => {
      most = Math.max(most, (atOnce += 1));
      await new Promise((resolve) => setImmediate(resolve));
      atOnce -= 1;
      told += 1;
    };
    const queue = new FactQueue({ publishSystem }, log, createMetrics('gateway'));
    for (let n = 0; n < 250; n += 1) queue.tell(fact);
    expect(told).toBe(0);
    await queue.close();
    expect(told).toBe(250);
    expect(most).toBeLessThanOrEqual(100);
  });

  it('never fail a request, wait in a bounded number, and are counted where they are lost', async () => {
    const metrics = createMetrics('gateway');
    const queue = new FactQueue({ publishSystem: () => Promise.reject(new AppError('unavailable')) }, log, metrics);
    for (let n = 0; n < 20_010; n += 1) queue.tell(fact);
    expect(await metrics.text()).toMatch(/gateway_facts_dropped_total\S* 10\n/);
    const few = new FactQueue({ publishSystem: () => Promise.reject(new AppError('unavailable')) }, log, metrics);
    few.tell(fact);
    await few.close();
    expect(await metrics.text()).toMatch(/gateway_facts_dropped_total\S* \d{2,}\n/);
  });
});
