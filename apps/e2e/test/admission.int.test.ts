import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { until } from '@switchyard/testing';
import pg from 'pg';
import { headersOf, startSystem, type System } from '../src/index.ts';

/** What clients see where too much comes at once, where a thread is taken, and where a run was given up. */

let system: System;
beforeAll(async () => {
  system = await startSystem({
    env: {
      MAX_CONCURRENT_RUNS: '4',
      MAX_QUEUED_RUNS: '60',
      MAX_QUEUED_RUNS_PER_TENANT: '40',
      SWEEP_INTERVAL_MS: '500',
    },
  });
});
afterAll(() => system?.stop());
beforeEach(() => system.model.setScript({ rules: [] }));

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

async function call(method: string, path: string, body?: object, caller = {}): Promise<Answer> {
  const init = { method, headers: headersOf(caller), ...(body ? { body: JSON.stringify(body) } : {}) };
  const answer = await fetch(`${system.gateway}${path}`, init);
  return { status: answer.status, headers: answer.headers, body: (await answer.json()) as Record<string, unknown> };
}
const phaseOf = async (runId: unknown, caller = {}) =>
  (await call('GET', `/runs/${String(runId)}`, undefined, caller)).body['phase'];

describe('a burst of 300 runs', () => {
  it('is accepted as far as it can be served, refused with 429 and Retry-After beyond; every accepted run ends', async () => {
    const answers = await Promise.all(
      Array.from({ length: 300 }, (_, i) =>
        call(
          'POST',
          '/runs',
          { task: `calculate ${i}*7` },
          { headers: { 'x-tenant-id': `tenant-${i % 5 < 4 ? 0 : i}` } },
        ),
      ),
    );
    const accepted = answers.filter(({ status }) => status === 202);
    const refused = answers.filter(({ status }) => status === 429);
    expect(accepted.length + refused.length).toBe(300);
    expect(accepted.length).toBeGreaterThanOrEqual(60);
    expect(refused.length).toBeGreaterThan(50);
    for (const { headers, body } of refused) {
      expect(Number(headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
      expect(body).toMatchObject({ code: 'rate_limited', status: 429 });
    }
    const count = async (which: string) =>
      Number((await query(`select count(*) from orchestrator.runs where ${which}`))[0]!['count']);
    await until(async () => (await count(`phase <> 'ended'`)) === 0, 60_000);
    expect(await count(`status = 'success'`)).toBe(accepted.length);
    // The queue is empty: the next is welcome as soon as this was noticed.
    await until(async () => (await call('POST', '/runs', { task: 'calculate 1+1' })).status === 202, 10_000);
  });
});

describe('a thread', () => {
  it('that is taken answers 409 with the run that takes it; others wait for it, or take its place', async () => {
    system.model.setScript({ rules: [{ when: { taskIncludes: 'linger' }, respond: { stallMs: 20_000 } }] });
    const thread_id = 'thread-e2e';
    const first = await call('POST', '/runs', { task: 'linger', thread_id });
    const active = first.body['run_id'];
    for (const path of ['/runs', '/orchestrate', '/orchestrate/stream']) {
      const refused = await call('POST', path, { task: 'calculate 6*7', thread_id, thread_concurrency: 'reject' });
      expect(refused).toMatchObject({ status: 409, body: { code: 'thread_busy', run_id: active } });
      expect(String(refused.body['detail'])).toContain(String(active));
    }
    const second = await call('POST', '/runs', { task: 'calculate 6*7', thread_id, thread_concurrency: 'queue' });
    expect(await phaseOf(second.body['run_id'])).toBe('queued');
    const third = await call('POST', '/runs', {
      task: 'calculate 2*3',
      thread_id,
      thread_concurrency: 'cancel_previous',
    });
    await until(async () => (await phaseOf(third.body['run_id'])) === 'ended', 10_000);
    const runs = await Promise.all([first, second, third].map(({ body }) => call('GET', `/runs/${body['run_id']}`)));
    expect(runs.map(({ body }) => body['status'])).toEqual(['cancelled', 'cancelled', 'success']);
  });
});

describe('a run that was given up', () => {
  it('is shown to admins, and started once more as one new run', async () => {
    const { body } = await call('POST', '/runs', { task: 'calculate 5*5' });
    const runId = String(body['run_id']);
    await until(async () => (await phaseOf(runId)) === 'ended', 10_000);
    await query(
      `insert into orchestrator.dead_letters (run_id, tenant_id, user_id, task, reason, attempts, at)
       select run_id, tenant_id, user_id, task, 'no_progress', 5, now() from orchestrator.runs where run_id = $1`,
      runId,
    );
    const admin = { role: 'admin' };
    expect(await call('GET', '/dead-letters')).toMatchObject({ status: 403, body: { code: 'forbidden' } });
    expect((await call('GET', '/dead-letters', undefined, admin)).body).toMatchObject({
      dead_letters: [{ run_id: runId, reason: 'no_progress', attempts: 5, requeued_as: null }],
      next_cursor: null,
    });
    const requeue = () => call('POST', `/dead-letters/${runId}/requeue`, {}, admin);
    const [one, two] = await Promise.all([requeue(), requeue()]);
    expect([one.status, two.status]).toEqual([202, 202]);
    expect(one.body['requeued_as']).toBe(two.body['requeued_as']);
    expect((await requeue()).body).toMatchObject({ requeued_as: one.body['requeued_as'], created: false });
    await until(async () => (await phaseOf(one.body['requeued_as'])) === 'ended', 10_000);
    expect((await call('POST', '/dead-letters/no-such-run/requeue', {}, admin)).status).toBe(404);
  });
});

async function query(text: string, ...values: unknown[]): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: system.servers.postgres.url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(text, values)).rows;
  } finally {
    await client.end();
  }
}
