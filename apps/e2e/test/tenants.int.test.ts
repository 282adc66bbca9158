import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { until } from '@switchyard/testing';
import { dataOf, headersOf, parseSse, startSystem, type System } from '../src/index.ts';

/* Tenants that name their runs alike: each has its own, everywhere that a run leaves a trace. */

let system: System;
beforeAll(async () => {
  system = await startSystem();
});
afterAll(() => system?.stop());
beforeEach(() => system.model.setScript({ rules: [] }));

const LONGEST = 'o'.repeat(64);
const TENANTS = ['acme', 'evil'];
const of = (tenant: string, role?: string) =>
  headersOf({ user: `ada-${tenant}`, headers: { 'x-tenant-id': tenant }, ...(role === undefined ? {} : { role }) });
const send = (tenant: string, path: string, body?: object, role?: string) =>
  fetch(system.gateway + path, {
    headers: of(tenant, role),
    ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
  });
const json = async (answer: Response) => (await answer.json()) as Record<string, unknown>;
const idsIn = (text: string) => [...text.matchAll(/.{0,60}t-[A-Za-z0-9_-]{12}-.{0,20}/g)].map(([leak]) => leak);

describe('the same run id in two tenants', () => {
  it('is two runs, apart in events, streams, lists, effects and the audit log, and shown as it was given', async () => {
    const task = (tenant: string) => ({ task: `add a note called ${tenant} with the text own`, run_id: 'order-1' });
    for (const tenant of TENANTS) {
      const started = await send(tenant, '/runs', task(tenant));
      expect([started.status, started.headers.get('x-run-id'), await json(started)]).toMatchObject([
        202,
        'order-1',
        { run_id: 'order-1', events_url: '/runs/order-1/events' },
      ]);
    }
    const shown: string[] = [];
    for (const tenant of TENANTS) {
      const other = TENANTS.find((name) => name !== tenant)!;
      for (const dialect of ['orchestrate', 'ag-ui', 'raw', 'legacy']) {
        const text = await (await send(tenant, `/runs/order-1/events?dialect=${dialect}`)).text();
        expect(text).toContain(`called ${tenant}`.slice(7));
        expect(text).not.toContain(`called ${other}`);
        shown.push(text);
        const ids = parseSse(text).flatMap(({ id }) => id ?? []);
        expect(new Set(ids.map((id) => id.split(':')[0]))).toEqual(new Set(['order-1']));
        const again = await send(tenant, `/runs/order-1/events?dialect=${dialect}&after=${ids[0]!}`);
        expect(again.status).toBe(200);
        await again.text();
      }
      expect(await json(await send(tenant, '/runs/order-1'))).toMatchObject({
        run_id: 'order-1',
        tenant_id: tenant,
        task: task(tenant).task,
      });
      const effects = async () => json(await send(tenant, '/effects?run_id=order-1'));
      expect(await effects()).toMatchObject({ effects: [{ run_id: 'order-1', user_id: `ada-${tenant}` }] });
      const audit = async () => json(await send(tenant, '/audit?run_id=order-1&limit=500', undefined, 'auditor'));
      await until(async () => JSON.stringify(await audit()).includes('orchestrator.task.completed'), 15_000);
      const records = (await audit())['records'] as { runId: string; tenantId: string; id: string }[];
      for (const { runId, tenantId } of records) expect([runId, tenantId]).toEqual(['order-1', tenant]);
      await until(async () => JSON.stringify(await json(await send(tenant, '/runs'))).includes('order-1'), 15_000);
      shown.push(
        JSON.stringify([await effects(), records.map(({ id }) => id), await json(await send(tenant, '/runs'))]),
      );
      // The same request attaches, as ever; another one is a conflict.
      expect((await send(tenant, '/runs', task(tenant))).status).toBe(202);
      expect((await send(tenant, '/runs', { ...task(tenant), task: 'another' })).status).toBe(409);
    }
    expect(shown.flatMap(idsIn)).toEqual([]);
  });

  it('is cancelled in one, and goes on in the other', async () => {
    const script = {
      rules: [{ when: { turn: 1 }, respond: { toolCalls: [{ name: 'slow_read', arguments: { ms: 3_000 } }] } }],
    };
    system.model.setScript(script);
    for (const tenant of TENANTS)
      expect((await send(tenant, '/runs', { task: 'wait', run_id: 'order-2' })).status).toBe(202);
    expect(await json(await send('evil', '/runs/order-2/cancel', {}))).toMatchObject({
      run_id: 'order-2',
      accepted: true,
    });
    const status = async (tenant: string) => (await json(await send(tenant, '/runs/order-2')))['status'];
    await until(async () => (await status('acme')) !== null && (await status('evil')) !== null, 20_000);
    expect([await status('acme'), await status('evil')]).toEqual(['success', 'cancelled']);
  });

  it('is two turns of AG-UI, each with the id that its client gave', async () => {
    for (const tenant of TENANTS) {
      const input = {
        threadId: 'thread-1',
        runId: 'turn-1',
        messages: [{ id: 'm1', role: 'user', content: `calculate 1+1 for ${tenant}` }],
        tools: [],
        context: [],
        state: {},
        forwardedProps: {},
      };
      const answer = await send(tenant, '/ag-ui', input);
      const text = await answer.text();
      expect([answer.status, answer.headers.get('x-run-id')]).toEqual([200, 'turn-1']);
      const frames = parseSse(text).map(({ data }) => data);
      expect(frames.find((data) => data['type'] === 'RUN_STARTED')).toMatchObject({ runId: 'turn-1' });
      expect(frames.at(-1)).toMatchObject({ type: 'RUN_FINISHED', runId: 'turn-1' });
      expect(idsIn(text)).toEqual([]);
    }
  });

  it('may be as long as an id may be', async () => {
    for (const tenant of TENANTS) {
      const answer = await send(tenant, '/orchestrate/stream', { task: 'calculate 6*7', run_id: LONGEST });
      const response = dataOf(parseSse(await answer.text()), 'response');
      expect(response).toMatchObject({ run_id: LONGEST, status: 'success' });
    }
  });
});
