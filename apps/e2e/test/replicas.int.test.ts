import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { dataOf, headersOf, parseSse, startSystem, type System } from '../src/index.ts';

let system: System;
beforeAll(async () => {
  system = await startSystem({ orchestrators: 2 });
});
afterAll(() => system?.stop());

it('moves runs from an orchestrator that stops to one that stays; every stream ends well', async () => {
  system.model.setScript({
    rules: [
      {
        when: { taskIncludes: 'wait', turn: 1 },
        respond: { toolCalls: [{ name: 'slow_read', arguments: { ms: 1_500 } }] },
      },
    ],
  });
  const running = Array.from({ length: 12 }, (_, n) =>
    fetch(`${system.gateway}/orchestrate/stream`, {
      method: 'POST',
      headers: headersOf({ user: `u${n}` }),
      body: JSON.stringify({ task: `wait ${n}` }),
    }).then(async (answer) => parseSse(await answer.text())),
  );
  await new Promise((resolve) => setTimeout(resolve, 700));
  await system.stopOrchestrator(0);
  const streams = await Promise.all(running);
  for (const events of streams) {
    expect(dataOf(events, 'response.completed')).toMatchObject({ status: 'success' });
    const seqs = events.flatMap(({ id }) => (id ? [Number(id.split(':')[1])] : []));
    expect(seqs).toEqual([...seqs].sort((a, b) => a - b));
    expect(new Set(seqs).size).toBe(seqs.length);
  }
});
