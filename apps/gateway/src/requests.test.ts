import { describe, expect, it } from '@jest/globals';
import { AppError, type Principal } from '@switchyard/contracts';
import { OrchestrateRequest } from '@switchyard/contracts/http';
import { cursorFor, deeperThan, MAX_BODY_DEPTH, reconnectOf, sessionThread, toStartRun } from './requests.ts';

const principal: Principal = { tenantId: 'acme', userId: 'alice', role: 'user', via: 'dev' };
const start = (body: object, idempotencyKey?: string, mintedRunId = 'minted') =>
  toStartRun(OrchestrateRequest.parse(body), { principal, mintedRunId, idempotencyKey });

function code(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    return error instanceof AppError ? error.code : String(error);
  }
  return 'no error';
}

describe('toStartRun', () => {
  it('fills what the client left out', () => {
    expect(start({ task: 'x' })).toMatchObject({
      runId: 'minted',
      idempotencyKey: 'minted',
      run: {
        task: 'x',
        thread_id: 'minted',
        tool_constraints: { mode: 'auto' },
        budget: { max_steps: 10 },
        use_orchestrator: true,
      },
    });
  });

  it('takes max_steps from the budget, else from the worker', () => {
    expect(start({ task: 'x', worker: { max_steps: 3 } }).run.budget.max_steps).toBe(3);
    expect(start({ task: 'x', worker: { max_steps: 3 }, budget: { max_steps: 5 } }).run.budget.max_steps).toBe(5);
    expect(start({ task: 'x', worker: { max_steps: 3 }, budget: { max_steps: null } }).run.budget.max_steps).toBe(3);
  });

  it('keeps an empty custom list empty: it allows nothing', () => {
    expect(start({ task: 'x', tool_constraints: { mode: 'custom' } }).run.tool_constraints).toEqual({
      mode: 'custom',
      providers: [],
      tools: [],
    });
  });

  it('makes the same request of the same key, whatever id was minted', () => {
    const [first, second] = [start({ task: 'x' }, 'key 1', 'a'), start({ task: 'x' }, 'key 1', 'b')];
    expect(second.idempotencyKey).toBe('key 1');
    expect(second.run).toEqual(first.run);
    expect(start({ task: 'x', run_id: 'mine' }, undefined, 'a')).toEqual(
      start({ task: 'x', run_id: 'mine' }, undefined, 'b'),
    );
  });

  it('never takes the identity from the body', () => {
    expect(start({ task: 'x', tenant: { tenant_id: 'evil', user_id: 'eve' } }).run.principal).toEqual(principal);
  });

  it('refuses a key that is no header text', () => {
    expect(code(() => start({ task: 'x' }, 'a\u0000b'))).toBe('invalid_input');
    expect(code(() => start({ task: 'x' }, 'k'.repeat(257)))).toBe('invalid_input');
  });
});

describe('cursors', () => {
  it('are the run and a number, or the bare number; Last-Event-ID comes before `after`', () => {
    expect(cursorFor('r', undefined, undefined)).toBe(0);
    expect(cursorFor('r', '', '7')).toBe(7);
    expect(cursorFor('r', 'r:5', '7')).toBe(5);
    for (const bad of ['x:5', 'r:', 'r:-1', 'r:1e3', 'a.>:1', '99999999999'])
      expect(code(() => cursorFor('r', bad, undefined))).toBe('invalid_cursor');
  });

  it('of a reconnect name the run', () => {
    expect(reconnectOf('r:5')).toEqual({ runId: 'r', seq: 5 });
    expect(reconnectOf(undefined)).toBeUndefined();
    expect(code(() => reconnectOf('nonsense'))).toBe('invalid_cursor');
  });
});

describe('small edges', () => {
  it('a session id becomes a thread id', () => {
    expect(sessionThread('abc')).toBe('abc');
    expect(sessionThread('a.>')).toMatch(/^[A-Za-z0-9_-]+$/);
    expect(sessionThread(' ')).toBeUndefined();
  });

  it('depth is counted without recursion', () => {
    let deep: unknown = 1;
    for (let i = 0; i < 100_000; i += 1) deep = [deep];
    expect(deeperThan(deep, MAX_BODY_DEPTH)).toBe(true);
    let fine: unknown = 1;
    for (let i = 0; i < MAX_BODY_DEPTH; i += 1) fine = { fine };
    expect(deeperThan(fine, MAX_BODY_DEPTH)).toBe(false);
  });
});
