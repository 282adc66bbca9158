import { describe, expect, it } from '@jest/globals';
import { type Invariant, INVARIANTS, violations } from './checker.ts';
import type { Evidence, JournalRow } from './evidence-rows.ts';
import type { SeenFrame } from '../load/frames.ts';
import type { Transcript } from '../load/transcript.ts';
import type { AgentMessage, Effect } from '../stack/truth-log.ts';

/* A round of one run with one step, in which nothing is wrong; each test breaks one thing. */

const RUN = 'run-1';
const row = (seq: number, type: string, data: object = {}, more: Partial<JournalRow> = {}): JournalRow => ({
  runId: RUN,
  seq,
  epoch: 1,
  type,
  stepId: null,
  data: data as Record<string, unknown>,
  ts: 1_000 * seq,
  ...more,
});
const dispatching = (seq: number, tool = 'chaos_once') =>
  row(seq, 'orchestrator.step.dispatching', { tool }, { stepId: 'step-1' });
const outcome = (seq: number, status = 'completed') =>
  row(seq, 'orchestrator.step.completed', { status }, { stepId: 'step-1' });
const decided = (seq: number, decision: string) =>
  row(seq, 'orchestrator.approval.decided', { approval_id: 'ask-1', step_id: 'step-1', decision });
const end = (seq: number, status = 'success') => row(seq, 'orchestrator.task.completed', { status });
const effect = (more: Partial<Effect> = {}): Effect => ({
  ts: 2_500,
  tool: 'chaos_once',
  idempotency: 'none',
  runId: RUN,
  stepId: 'step-1',
  label: 's-0001-1-1',
  key: `${RUN}:step-1`,
  pid: 1,
  ...more,
});
const message = (what: AgentMessage['what'] = 'arrived'): AgentMessage => ({
  ts: 2_200,
  what,
  key: `${RUN}:step-1`,
  pid: 1,
});
const ledger = (state: string) => ({ runId: RUN, stepId: 'step-1', key: `${RUN}:step-1`, state });
const frame = (seq: number, data = '{}'): SeenFrame => ({ event: 'e', id: `${RUN}:${seq}`, data });
const transcript = (more: Partial<Transcript> = {}): Transcript => ({
  n: 0,
  user: 'u',
  key: 'k',
  dialect: 'orchestrate',
  runIds: [RUN],
  frames: [frame(1), frame(4)],
  complete: true,
  resumes: 0,
  refusals: [],
  conflict: null,
  cancel: null,
  acceptedTs: 1,
  answers: [],
  ...more,
});
const good = (): Evidence => ({
  transcripts: [transcript()],
  runs: [{ runId: RUN, userId: 'u', idempotencyKey: 'k', phase: 'ended', status: 'success', lastSeq: 4 }],
  events: [row(1, 'orchestrator.run.accepted'), dispatching(2), outcome(3), end(4)],
  effects: [effect()],
  messages: [],
  ledger: [ledger('succeeded')],
  audited: new Set([1, 2, 3, 4].map((seq) => `${RUN}:${seq}`)),
  faults: [],
  whole: new Map([[0, [frame(1), frame(4)]]]),
  defectDeaths: [],
});

const inDoubt = (more: Partial<Evidence> = {}): Partial<Evidence> => ({
  events: [row(1, 'orchestrator.run.accepted'), dispatching(2), outcome(3, 'in_doubt'), end(4)],
  ...more,
});
/** The step is a task in words; 'a2a': for the agent, 'mcp': for ours. */
const delegated = (target: 'a2a' | 'mcp', said: object, more: Partial<Evidence> = {}): Partial<Evidence> => {
  const task = target === 'mcp' ? 'errand-s-0001-1-1: may be repeated' : 'slow 1 s s-0001-1-1';
  const step = { stepId: 'step-1' };
  return {
    events: [
      row(1, 'orchestrator.run.accepted'),
      row(2, 'orchestrator.step.dispatching', { target, task }, step),
      row(3, 'orchestrator.step.completed', { error: 'It was lost.', ...said }, step),
      end(4),
    ],
    effects: [],
    ledger: [],
    ...more,
  };
};
const DOUBT = { status: 'in_doubt' };
const killed = { fault: 'kill', target: 'mcp-tool', ts: 2_400, untilTs: 2_400 };

const BROKEN: readonly (readonly [Invariant, string, Partial<Evidence>])[] = [
  ['lost_runs', 'a run that was accepted and is not there', { transcripts: [transcript({ runIds: ['gone'] })] }],
  ['stuck', 'a run that has not ended', { runs: [{ ...good().runs[0]!, phase: 'running', status: null }] }],
  ['stuck', 'a client without the end of its stream', { transcripts: [transcript({ complete: false })] }],
  [
    'dup_runs_per_idem_key',
    'two runs of one key',
    { runs: [...good().runs, { ...good().runs[0]!, runId: 'run-2', lastSeq: 0 }] },
  ],
  ['dup_runs_per_idem_key', 'a client told of two', { transcripts: [transcript({ runIds: [RUN, RUN + 'b'] })] }],
  ['conflict_accepted', 'another body under the same key', { transcripts: [transcript({ conflict: 202 })] }],
  ['client_refused', 'an answer without a way on', { transcripts: [transcript({ refusals: ['start: HTTP 500'] })] }],
  ['log_gaps', 'a hole', { events: good().events.filter(({ seq }) => seq !== 2) }],
  ['log_gaps', 'a lost last event', { runs: [{ ...good().runs[0]!, lastSeq: 5 }] }],
  [
    'epoch_regress',
    'an older owner that wrote',
    { events: good().events.map((event) => ({ ...event, epoch: event.seq === 3 ? 2 : 1 })) },
  ],
  ['double_completed', 'two ends', { events: [...good().events, end(5)] }],
  ['double_completed', 'something after the end', { events: [...good().events, row(5, 'mcp.task.started')] }],
  ['step_done_twice', 'two outcomes', { events: [...good().events.slice(0, 3), outcome(4), end(5)] }],
  ['effects_twice', 'a tool that must not be repeated and was', { effects: [effect(), effect()] }],
  [
    'effects_twice',
    'one step under two keys',
    { effects: [effect({ idempotency: 'key' }), effect({ idempotency: 'key', key: 'other' })] },
  ],
  ['once_done_without_effect', 'a step done by nobody', { effects: [] }],
  [
    'once_done_without_effect',
    'a call of an errand that the ledger alone knows of',
    delegated('mcp', { status: 'completed' }, { ledger: [ledger('succeeded')] }),
  ],
  ['delivered_twice', 'a message that came twice', { messages: [message(), message()] }],
  ['delivered_twice', 'a task that was done twice', { messages: [message('worked-on'), message('worked-on')] }],
  [
    'delegation_done_unheard',
    'a task done by nobody',
    delegated('a2a', { status: 'completed' }, { messages: [message()] }),
  ],
  ['delegation_in_doubt_unjustified', 'doubt without a fault', delegated('a2a', DOUBT)],
  ['delegation_in_doubt_unjustified', 'doubt for a fault elsewhere', delegated('a2a', DOUBT, { faults: [killed] })],
  [
    'delegation_in_doubt_unjustified',
    'doubt about an errand of calls that may be repeated',
    delegated('mcp', DOUBT, { faults: [killed] }),
  ],
  [
    'delegation_in_doubt_unjustified',
    'doubt that does not say why',
    delegated('a2a', { ...DOUBT, error: null }, { faults: [{ ...killed, target: 'a2a' }] }),
  ],
  ['tool_calls_left_started', 'a step without an outcome', { events: [row(1, 'a'), dispatching(2), end(3)] }],
  ['tool_calls_left_started', 'an open call', { ledger: [ledger('dispatched')] }],
  ['client_stream_mismatch', 'a missing frame', { transcripts: [transcript({ frames: [frame(1)] })] }],
  [
    'client_stream_mismatch',
    'a double frame',
    { transcripts: [transcript({ frames: [frame(1), frame(1), frame(4)] })] },
  ],
  ['client_stream_mismatch', 'other data', { transcripts: [transcript({ frames: [frame(1), frame(4, '{"x":1}')] })] }],
  [
    'client_stream_mismatch',
    'a missing cursor in AG-UI',
    { transcripts: [transcript({ dialect: 'ag-ui', frames: [frame(4)] })] },
  ],
  ['audit_missing', 'an event that audit does not have', { audited: new Set([`${RUN}:1`]) }],
  ['in_doubt_unjustified', 'doubt without a fault', inDoubt()],
  [
    'in_doubt_unjustified',
    'doubt about a tool that may be repeated',
    {
      ...inDoubt({ faults: [killed] }),
      events: [row(1, 'a'), dispatching(2, 'chaos_read'), outcome(3, 'in_doubt'), end(4)],
    },
  ],
  ['in_doubt_unjustified', 'doubt long after the fault', inDoubt({ faults: [{ ...killed, ts: 100, untilTs: 200 }] })],
  [
    'cancel_not_terminal',
    'a cancel that was overheard',
    { events: [row(1, 'orchestrator.cancel.requested'), dispatching(2), outcome(3), end(4)] },
  ],
  [
    'cancel_not_terminal',
    'a cancel without an end',
    {
      events: [row(1, 'a'), dispatching(2), outcome(3), row(4, 'b')],
      transcripts: [transcript({ cancel: { ts: 1, accepted: true } })],
    },
  ],
  [
    'decided_otherwise',
    'a question that was decided twice',
    { events: [row(1, 'a'), decided(2, 'approve'), decided(3, 'deny'), end(4)] },
  ],
  [
    'decided_otherwise',
    'an answer that was taken and is not the one that stands',
    {
      events: [row(1, 'a'), row(2, 'b'), decided(3, 'approve'), end(4)],
      transcripts: [transcript({ answers: [{ approvalId: 'ask-1', decision: 'deny', status: 202 }] })],
    },
  ],
  [
    'decided_otherwise',
    'an answer that was taken and lost',
    { transcripts: [transcript({ answers: [{ approvalId: 'ask-1', decision: 'approve', status: 202 }] })] },
  ],
  ['effect_unapproved', 'an effect that nobody allowed', { effects: [effect({ tool: 'chaos_asked' })] }],
  [
    'effect_unapproved',
    'an effect that somebody denied',
    {
      effects: [effect({ tool: 'chaos_asked' })],
      events: [row(1, 'a'), decided(2, 'deny'), row(3, 'b'), end(4)],
    },
  ],
  ['died_unasked', 'a process that ended by itself', { defectDeaths: ['gateway ended by itself: exit code 1'] }],
];

describe('the verdict', () => {
  it('finds nothing where nothing is wrong', () => {
    expect(violations(good())).toEqual([]);
  });

  it('takes doubt for justified where a run was given up: nobody is left to repeat what it had under way', () => {
    const poisoned = row(4, 'orchestrator.task.completed', { status: 'failed', error_code: 'poisoned' });
    const events = [row(1, 'a'), dispatching(2, 'chaos_keyed'), outcome(3, 'in_doubt'), poisoned];
    expect(violations({ ...good(), ...inDoubt(), events })).toEqual([]);
  });

  it('takes doubt for justified while a worker was gone', () => {
    expect(violations({ ...good(), ...inDoubt({ faults: [killed] }) })).toEqual([]);
  });

  it('takes doubt about a delegation for justified while its agent, or who speaks to it, was gone', () => {
    for (const target of ['a2a-2', 'agent:http', 'orchestrator'])
      expect(violations({ ...good(), ...delegated('a2a', DOUBT, { faults: [{ ...killed, target }] }) })).toEqual([]);
  });

  it('takes doubt about an errand for justified that no worker finished in time, however often it was asked', () => {
    const { events: told = [], ...rest } = delegated('mcp', DOUBT);
    const [accepted, announced, outcome] = told;
    const again = (seq: number) => ({ ...announced!, seq, ts: 1_000 * seq });
    const events = [accepted!, announced!, again(3), again(4), { ...outcome!, seq: 5 }, end(6)];
    const runs = [{ ...good().runs[0]!, lastSeq: 6 }];
    const audited = new Set([1, 2, 3, 4, 5, 6].map((seq) => `${RUN}:${seq}`));
    expect(violations({ ...good(), ...rest, events, runs, audited })).toEqual([]);
  });

  it('lets a cancelled run end with an open step, and a keyed tool be called again under its key', () => {
    const cancelled = [row(1, 'orchestrator.cancel.requested'), dispatching(2), row(3, 'b'), end(4, 'cancelled')];
    const effects = [effect({ idempotency: 'key' }), effect({ idempotency: 'key' })];
    expect(violations({ ...good(), events: cancelled, effects })).toEqual([]);
  });

  it.each(BROKEN)('%s: notices %s', (invariant, _what, broken) => {
    expect(violations({ ...good(), ...broken }).map((violation) => violation.invariant)).toContain(invariant);
  });

  it('has a test that fails for every invariant', () => {
    expect(new Set(BROKEN.map(([invariant]) => invariant))).toEqual(new Set(INVARIANTS));
  });
});
