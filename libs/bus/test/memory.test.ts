import { expect, it } from '@jest/globals';
import { createMemoryBus } from '../src/index.ts';
import { conformance, eventsOf, fromJournal } from './conformance.ts';

const hub = createMemoryBus();
conformance('the memory twin', () => ({ connect: async (app) => hub.connect(app) }));

it('leaves no subscription behind when following ends, however it ends', async () => {
  const bus = hub.connect('gateway');
  const before = hub.subscriptionCount();
  const events = eventsOf(3);
  for (let n = 0; n < 50; n += 1) {
    const abort = new AbortController();
    const following = bus.follow({
      tenantId: 'acme',
      runId: events[0]!.runId,
      after: 0,
      fetch: fromJournal(events),
      signal: abort.signal,
      onLive: () => undefined,
    });
    if (n % 3 === 0) for await (const _ of following) continue;
    else if (n % 3 === 1) for await (const _ of following) break;
    else abort.abort();
  }
  expect(hub.subscriptionCount()).toBe(before);
  await bus.close();
});
