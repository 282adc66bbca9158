import { describe, expect, it, jest } from '@jest/globals';
import { AGENT_KINDS, AppError, type ErrorCode, type PlannedAct, type ToolInfo } from '@switchyard/contracts';
import type { Toolbox } from '../planner/functions.ts';
import { afterAnswer, afterFailure, afterTakeover } from './step-policy.ts';

const tool = (name: string, kind: ToolInfo['kind'], idempotency: ToolInfo['idempotency']): ToolInfo => ({
  name,
  kind,
  idempotency,
  description: name,
  provider: 'p',
  inputSchema: {},
});
const toolbox: Toolbox = {
  tools: [tool('read', 'read', 'safe'), tool('keyed', 'write', 'key'), tool('once', 'write', 'none')],
  agents: [],
};
const act = (name: string): PlannedAct => ({
  step_id: 's',
  tool_call_id: 'c',
  target: 'mcp',
  task: 't',
  tool: name,
  arguments: {},
});
const agent: PlannedAct = { step_id: 's', tool_call_id: 'c', target: 'a2a', task: 't', agent: 'x' };
const screenAct: PlannedAct = { step_id: 's', tool_call_id: 'c', target: 'computer_use', task: 't' };
const delegated: PlannedAct = { step_id: 's', tool_call_id: 'c', target: 'mcp', task: 't', agent: 'mcp' };
const first = { left: true, patient: false, mayHaveWorked: false };
const last = { left: false, patient: false, mayHaveWorked: false };
const lastAfterLoss = { left: false, patient: false, mayHaveWorked: true };
const patient = { left: false, patient: true, mayHaveWorked: true };
const lost = (code: ErrorCode, name: string | PlannedAct, tries = first) =>
  afterFailure(new AppError(code), typeof name === 'string' ? act(name) : name, toolbox, tries);
const doubt = { again: false, outcome: { status: 'in_doubt', message: expect.stringContaining('not known') } };

describe('a worker that is lost', () => {
  it.each(['worker_lost', 'unavailable', 'deadline_exceeded', 'internal'] as const)(
    'is asked again with the same key for every tool (%s), since the ledger decides',
    (code) => {
      for (const name of ['read', 'keyed', 'once', 'unknown'])
        expect(lost(code, name)).toEqual({ again: true, mayHaveWorked: true });
    },
  );

  it('in all attempts leaves a doubt, unless the tool only reads', () => {
    expect(lost('worker_lost', 'read', last)).toMatchObject({ outcome: { status: 'failed', code: 'worker_lost' } });
    expect(lost('deadline_exceeded', 'read', last)).toMatchObject({ outcome: { code: 'tool_timeout' } });
    for (const name of ['keyed', 'once', 'unknown']) expect(lost('worker_lost', name, last)).toMatchObject(doubt);
  });

  it('leaves a step in doubt at once where its kind of agent has no ledger', () => {
    const ledger = jest.replaceProperty(AGENT_KINDS.computer_use as { ledger: boolean }, 'ledger', false);
    for (const code of ['worker_lost', 'unavailable', 'deadline_exceeded'] as const)
      expect(lost(code, screenAct)).toMatchObject(doubt);
    expect(afterTakeover(screenAct)).toMatchObject(doubt.outcome);
    expect(afterTakeover(act('once'))).toBeUndefined();
    expect(lost('unavailable', screenAct, patient)).toMatchObject(doubt);
    ledger.restore();
  });

  it('is asked again for a step on a screen, whose turns stand in a ledger', () => {
    for (const code of ['worker_lost', 'unavailable', 'deadline_exceeded'] as const)
      expect(lost(code, screenAct)).toEqual({ again: true, mayHaveWorked: true });
    expect(afterTakeover(screenAct)).toBeUndefined();
    expect(lost('worker_lost', screenAct, last)).toMatchObject(doubt);
  });

  it('is asked again for another agent, whom it asks for the task; only then is the step in doubt', () => {
    for (const code of ['worker_lost', 'unavailable', 'deadline_exceeded'] as const)
      expect(lost(code, agent)).toEqual({ again: true, mayHaveWorked: true });
    expect(afterTakeover(agent)).toBeUndefined();
    expect(lost('worker_lost', agent, last)).toMatchObject(doubt);
    expect(lost('no_responders', agent, lastAfterLoss)).toMatchObject(doubt);
  });

  it('is asked again for a task in words, too: its decisions are kept and its calls have their keys', () => {
    for (const code of ['worker_lost', 'unavailable', 'deadline_exceeded', 'internal', 'no_responders'] as const)
      expect(lost(code, delegated)).toEqual({ again: true, mayHaveWorked: code !== 'no_responders' });
    expect(afterTakeover(delegated)).toBeUndefined();
    expect(lost('worker_lost', delegated, last)).toMatchObject(doubt);
    expect(lost('no_responders', delegated, lastAfterLoss)).toMatchObject(doubt);
  });
});

describe('a worker that is not there', () => {
  it('has done nothing, unless an earlier dispatch may have', () => {
    expect(lost('no_responders', 'once')).toEqual({ again: true, mayHaveWorked: false });
    expect(lost('no_responders', 'once', last)).toMatchObject({ outcome: { status: 'failed', code: 'no_responders' } });
    expect(lost('no_responders', 'once', lastAfterLoss)).toMatchObject(doubt);
    expect(lost('no_responders', 'read', lastAfterLoss)).toMatchObject({ outcome: { status: 'failed' } });
    expect(lost('payload_too_large', 'once', lastAfterLoss)).toMatchObject(doubt);
  });

  it('is waited for beyond the attempts, for a while; one that was lost is not', () => {
    expect(lost('no_responders', 'once', patient)).toEqual({ again: true, mayHaveWorked: true });
    expect(lost('unavailable', 'keyed', patient)).toEqual({ again: true, mayHaveWorked: true });
    expect(lost('worker_lost', 'keyed', patient)).toMatchObject(doubt);
    expect(lost('overloaded', 'keyed', patient)).toMatchObject(doubt);
  });
});

describe('an answer', () => {
  const inDoubt = { status: 'in_doubt', code: 'tool_in_doubt', message: 'm' };
  const unavailable = { status: 'failed', code: 'unavailable', message: 'm' };

  it('in doubt is asked again with the same key where the tool honours it', () => {
    expect(afterAnswer(inDoubt, act('keyed'), toolbox, first)).toEqual({ again: true, mayHaveWorked: true });
    expect(afterAnswer(inDoubt, act('keyed'), toolbox, last)).toEqual({ again: false, outcome: inDoubt });
    expect(afterAnswer(inDoubt, act('once'), toolbox, first)).toEqual({ again: false, outcome: inDoubt });
    expect(afterAnswer(inDoubt, agent, toolbox, first)).toEqual({ again: false, outcome: inDoubt });
  });

  it('that nothing was done for want of the ledger is asked again, and says nothing of an earlier dispatch', () => {
    expect(afterAnswer(unavailable, act('once'), toolbox, first)).toEqual({ again: true, mayHaveWorked: false });
    expect(afterAnswer(unavailable, act('once'), toolbox, last)).toEqual({ again: false, outcome: unavailable });
    expect(afterAnswer(unavailable, act('once'), toolbox, patient)).toEqual({ again: true, mayHaveWorked: true });
    expect(afterAnswer(unavailable, act('once'), toolbox, lastAfterLoss)).toMatchObject(doubt);
  });

  it('that the tool failed is the end', () => {
    const failed = { status: 'failed', code: 'tool_failed', message: 'm' };
    expect(afterAnswer(failed, act('once'), toolbox, lastAfterLoss)).toEqual({ again: false, outcome: failed });
  });

  it('of the agent for tools is the whole truth, also after a loss, unless it could not look at what it did', () => {
    for (const code of ['approval_required', 'budget_exceeded', 'tool_not_found', 'model_unavailable']) {
      const failed = { status: 'failed', code, message: 'm' };
      expect(afterAnswer(failed, delegated, toolbox, lastAfterLoss)).toEqual({ again: false, outcome: failed });
    }
    expect(afterAnswer(inDoubt, delegated, toolbox, first)).toEqual({ again: false, outcome: inDoubt });
    expect(afterAnswer(unavailable, delegated, toolbox, first)).toEqual({ again: true, mayHaveWorked: false });
    const noModel = { ...unavailable, code: 'no_responders' };
    expect(afterAnswer(noModel, delegated, toolbox, first)).toEqual({ again: true, mayHaveWorked: false });
    expect(afterAnswer(unavailable, delegated, toolbox, lastAfterLoss)).toMatchObject(doubt);
    expect(afterAnswer(unavailable, delegated, toolbox, last)).toEqual({ again: false, outcome: unavailable });
  });

  it('that is no result is in doubt, unless the tool only reads', () => {
    expect(afterAnswer('nonsense', act('once'), toolbox, first)).toMatchObject(doubt);
    expect(afterAnswer({}, act('read'), toolbox, first)).toMatchObject({ outcome: { code: 'tool_failed' } });
  });
});
