import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type Principal, publicRunId, scopedRunId } from '@switchyard/contracts';
import { until } from '@switchyard/testing';
import { callsThenTells, planner, says } from './scripted-planner.ts';
import { request, World } from './world.ts';

/* Run ids that clients choose are those of their tenant; an auditor changes nothing. */

let world: World;
beforeAll(async () => {
  world = await World.start();
});
afterEach(() => world.clear());
afterAll(() => world?.stop());

const who = (tenantId: string, userId = 'ada', role: Principal['role'] = 'user'): Principal => ({
  tenantId,
  userId,
  role,
  via: 'dev',
});
/** As the gateway asks for a run that its client names. */
const named = (principal: Principal, id: string, task = `of ${principal.tenantId}`) => ({
  ...request(task, { principal, thread_id: id }),
  runId: scopedRunId(principal.tenantId, id),
  idempotencyKey: id,
});
const ACME = who('acme');
const EVIL = who('evil');

describe('two tenants that name the same run', () => {
  it('have one each, and neither sees, reads, cancels or answers the other’s', async () => {
    const replica = await world.replica({ approvalTools: ['write_it'], planner: callsThenTells(['write_it', {}]) });
    const started = [];
    for (const principal of [ACME, EVIL]) started.push(await replica.service.start(named(principal, 'order-1')));
    expect(started).toMatchObject([{ created: true }, { created: true }]);
    const waits = async (principal: Principal) =>
      (await replica.service.get(principal, 'order-1')).approvals.length === 1;
    await until(async () => (await waits(ACME)) && (await waits(EVIL)));

    for (const principal of [ACME, EVIL]) {
      const { tenantId } = principal;
      const view = await replica.service.get(principal, 'order-1');
      expect(view).toMatchObject({ tenantId, task: `of ${tenantId}` });
      expect(publicRunId(tenantId, view.runId)).toBe('order-1');
      const { events } = await replica.service.events({ principal, runId: 'order-1', after: 0, limit: 100 });
      expect(new Set(events.map((event) => event.tenantId))).toEqual(new Set([tenantId]));
    }
    expect(await replica.service.cancel({ principal: EVIL, runId: 'order-1', reason: 'x' })).toMatchObject({
      accepted: true,
    });
    const [question] = (await replica.service.get(ACME, 'order-1')).approvals;
    const answer = { decision: 'approve' } as const;
    const approvalId = question!.approval_id;
    await replica.service.decide({ principal: ACME, runId: 'order-1', approvalId, answer });
    const ends = [];
    for (const { runId } of started) ends.push((await world.ended(runId)).status);
    expect(ends).toEqual(['success', 'cancelled']);
    // What the tools and the bus know of them is apart, too.
    expect(world.performed.map(({ request: step }) => [step.principal.tenantId, step.idempotencyKey])).toEqual([
      ['acme', `${started[0]!.runId}:step-mcp-001`],
    ]);
    for (const { runId } of started) expect((await world.publishedWhole(runId)).length).toBeGreaterThan(2);
  });

  it('cannot learn of one another: an id that is taken elsewhere answers as a free one, whoever was first', async () => {
    const replica = await world.replica({ planner: planner(() => says('done')) });
    // As it was accepted before ids were those of a tenant.
    const bare = { ...named(ACME, 'order-2'), runId: 'order-2' };
    await replica.service.start(bare);
    for (const id of ['order-2', 'free'])
      expect(await replica.service.start(named(EVIL, id))).toMatchObject({
        created: true,
        runId: scopedRunId('evil', id),
      });
    for (const id of ['order-2', scopedRunId('acme', 'order-2'), 'nothing']) {
      const foreign = replica.service.get(who('third'), id);
      await expect(foreign).rejects.toMatchObject({ code: 'not_found', message: 'There is no such run for you.' });
    }
    await world.ended('order-2');
  });
});

describe('one tenant', () => {
  it('has a run once: the same request attaches, another one or another user is told that the id is taken', async () => {
    const replica = await world.replica({ planner: planner(() => says('done')) });
    const first = await replica.service.start(named(ACME, 'order-3'));
    expect(await replica.service.start(named(ACME, 'order-3'))).toMatchObject({ runId: first.runId, created: false });
    await expect(replica.service.start(named(ACME, 'order-3', 'another'))).rejects.toMatchObject({ code: 'conflict' });
    await expect(replica.service.start(named(who('acme', 'bob'), 'order-3'))).rejects.toMatchObject({
      code: 'conflict',
    });
    await world.ended(first.runId);
  });

  it('goes on with a run that was accepted under its bare id', async () => {
    const replica = await world.replica({ planner: planner(() => says('done')) });
    await replica.service.start({ ...named(ACME, 'order-4'), runId: 'order-4' });
    await world.ended('order-4');
    expect((await replica.service.get(ACME, 'order-4')).runId).toBe('order-4');
    const { events, runId } = await replica.service.events({ principal: ACME, runId: 'order-4', after: 0, limit: 9 });
    expect([events[0]!.runId, runId]).toEqual(['order-4', 'order-4']);
    expect(await replica.service.start(named(ACME, 'order-4'))).toMatchObject({ runId: 'order-4', created: false });
    await expect(replica.service.start(named(who('acme', 'bob'), 'order-4'))).rejects.toMatchObject({
      code: 'conflict',
    });
  });

  it('is told of a busy thread by the id that it knows', async () => {
    const replica = await world.replica({ approvalTools: ['write_it'], planner: callsThenTells(['write_it', {}]) });
    const first = named(ACME, 'order-5');
    await replica.service.start(first);
    await until(async () => (await replica.service.get(ACME, 'order-5')).approvals.length === 1);
    const second = named(ACME, 'order-6');
    const busy = replica.service.start({
      ...second,
      run: { ...second.run, thread_id: 'order-5', thread_concurrency: 'reject' },
    });
    await expect(busy).rejects.toMatchObject({ code: 'thread_busy', runId: 'order-5' });
    await replica.service.cancel({ principal: ACME, runId: 'order-5', reason: 'x' });
    await world.ended(first.runId);
  });
});

describe('an auditor', () => {
  it('sees the runs of its tenant and changes none', async () => {
    const replica = await world.replica({ approvalTools: ['write_it'], planner: callsThenTells(['write_it', {}]) });
    const { runId } = await replica.service.start(named(ACME, 'order-7'));
    await until(async () => (await replica.service.get(ACME, 'order-7')).approvals.length === 1);
    const eve = who('acme', 'eve', 'auditor');
    const [question] = (await replica.service.get(eve, 'order-7')).approvals;
    const before = await world.types(runId);
    const acts: [string, () => Promise<unknown>][] = [
      ['start', () => replica.service.start(named(eve, 'order-8'))],
      ['cancel', () => replica.service.cancel({ principal: eve, runId: 'order-7', reason: 'x' })],
      ['cancel of nothing', () => replica.service.cancel({ principal: eve, runId: 'nothing', reason: 'x' })],
      [
        'decide',
        () =>
          replica.service.decide({
            principal: eve,
            runId: 'order-7',
            approvalId: question!.approval_id,
            answer: { decision: 'approve' },
          }),
      ],
    ];
    for (const [what, act] of acts)
      expect([what, await act().catch((error: { code: string }) => error.code)]).toEqual([what, 'forbidden']);
    expect(await world.types(runId)).toEqual(before);
    await replica.service.cancel({ principal: ACME, runId: 'order-7', reason: 'x' });
    await world.ended(runId);
  });
});
