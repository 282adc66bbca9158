import { describe, expect, it } from '@jest/globals';
import { AppError, type Principal } from '@switchyard/contracts';
import { OrchestrateRequest } from '@switchyard/contracts/http';
import { sessionThread, toStartRun } from './requests.ts';

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

describe('sessionThread', () => {
  it('a session id becomes a thread id', () => {
    expect(sessionThread('abc')).toBe('abc');
    expect(sessionThread('a.>')).toMatch(/^[A-Za-z0-9_-]+$/);
    expect(sessionThread(' ')).toBeUndefined();
  });
});
