// What NATS and PostgreSQL do on this machine, measured in the same run as the product.
import { stockClient } from '@switchyard/local-servers';
import { connect } from 'nats';
import { openStore } from '@switchyard/store';

export async function rate(concurrency, seconds, once) {
  const until = Date.now() + seconds * 1_000;
  let count = 0;
  const began = performance.now();
  await Promise.all(
    Array.from({ length: concurrency }, async (_, n) => {
      while (Date.now() < until) {
        await once(n);
        count += 1;
      }
    }),
  );
  return { concurrency, perSecond: (count * 1_000) / (performance.now() - began) };
}

/** Raw request/reply between two connections. */
export async function natsRate(url, seconds = 2) {
  const [asker, answerer] = await Promise.all([connect(stockClient(url)), connect(stockClient(url))]);
  answerer.subscribe('bench.echo', { callback: (_error, message) => message.respond(message.data) });
  await answerer.flush();
  const body = new TextEncoder().encode(JSON.stringify({ hello: 'world' }));
  const rates = [];
  for (const concurrency of [1, 64])
    rates.push(await rate(concurrency, seconds, () => asker.request('bench.echo', body, { timeout: 5_000 })));
  await Promise.all([asker.close(), answerer.close()]);
  return rates;
}

/** Appends of two events each, every client with a run of its own. */
export async function appendRate(url, seconds = 2, name = 'bench') {
  const rates = [];
  for (const concurrency of [1, 16, 64]) {
    const store = openStore({ url, app: 'orchestrator', maxConnections: Math.min(concurrency, 20) });
    const runs = [];
    for (let n = 0; n < concurrency; n += 1) {
      const runId = `${name}-${concurrency}-${n}-${process.pid}`;
      const run = {
        task: 'bench',
        thread_id: runId,
        principal: { tenantId: 'bench', userId: 'bench', role: 'user', via: 'dev' },
        tool_constraints: { mode: 'auto', providers: [], tools: [] },
        budget: { max_steps: 10, max_iterations: null, max_tokens: null, max_usd: null, max_seconds: null },
        use_orchestrator: true,
        enable_reflection: false,
      };
      const accepted = await store.journal.accept({
        runId,
        run,
        idempotencyKey: runId,
        requestHash: 'x',
        engineVersion: 1,
        lease: { owner: 'bench', leaseMs: 60_000 },
      });
      if (accepted.kind !== 'created') throw new Error(`not accepted: ${accepted.kind}`);
      runs.push({ runId, seq: 1 });
    }
    const fact = { type: 'worker.reflection.started', data: { step: 1, has_prior_reflection: false }, stepId: null };
    rates.push(
      await rate(concurrency, seconds, async (n) => {
        const run = runs[n];
        const appended = await store.journal.append({
          runId: run.runId,
          epoch: 1,
          expectedSeq: run.seq,
          facts: [fact, fact],
          leaseMs: 60_000,
        });
        if (appended.kind !== 'appended') throw new Error(`not appended: ${appended.kind}`);
        run.seq = appended.lastSeq;
      }),
    );
    await store.close();
  }
  return rates;
}
