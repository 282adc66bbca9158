import { type FactOf, type RunEvent, undecided, type Usage } from '@switchyard/contracts';
import { isOpen, isWaiting, mustAsk, openAsks } from './asks.ts';
import { budgetKey, limitOf, onExceeded } from './budget.ts';
import { roomFor } from './room.ts';
import { sizeOf } from './history-size.ts';
import { type Ask, INITIAL, type RunState, type StepState } from './state.ts';
import { openSteps, performedSteps } from './steps.ts';

/**
 * Applies one event to the state. Total and pure: an event that does not fit here (wrong position, stale epoch, after
 * the end, an unplanned step) returns the very same object.
 */
export function evolve(state: RunState, event: RunEvent): RunState {
  if (objection(state, event) !== null) return state;
  const waited = isWaiting(state) ? Math.max(0, event.ts - state.lastTs) : 0;
  return {
    ...apply(state, event),
    seq: event.seq,
    epoch: event.epoch,
    lastTs: event.ts,
    size: state.size + sizeOf(event.data),
    waitedMs: state.waitedMs + waited,
  };
}

/** Folds a journal, oldest first. `state.seq` is the last event that could be applied. */
export function fold(events: readonly RunEvent[], from: RunState = INITIAL): RunState {
  return events.reduce(evolve, from);
}

/** Why this event may not come next, or null if it may. The caller checks this before it appends. */
export function objection(state: RunState, event: RunEvent): string | null {
  if (state.phase === 'ended') return 'the run has ended';
  if (event.seq !== state.seq + 1) return `expected seq ${state.seq + 1}`;
  if (event.epoch < state.epoch) return 'stale epoch';
  if (state.phase === 'new') return event.type === 'orchestrator.run.accepted' ? null : 'the run was not accepted';
  if (event.runId !== state.runId || event.tenantId !== state.tenantId) return 'event of another run';

  switch (event.type) {
    case 'orchestrator.run.accepted':
      return 'accepted twice';
    case 'orchestrator.task.started':
      return state.phase === 'accepted' ? null : 'started twice';
    case 'orchestrator.planning.started':
      return state.phase === 'idle' || state.phase === 'planning' ? null : `no planning while ${state.phase}`;
    case 'orchestrator.planning.completed':
      if (state.phase !== 'planning') return `no planning is open while ${state.phase}`;
      return plannedTwice(state, event.data.decision) ? 'a step id was used before' : null;
    case 'orchestrator.step.dispatching': {
      const step = openStep(state, event.data.step_id);
      if (!step) return 'this step is not open';
      if (roomFor(state, step) === 'ask') return 'the limit of steps leaves no room';
      return mustAsk(step) || isOpen(step.ask) ? 'a person must decide first' : null;
    }
    case 'orchestrator.step.completed': {
      const step = openStep(state, event.data.step_id);
      return step ? (step.attempt > 0 ? null : 'this step was not dispatched') : 'this step is not open';
    }
    case 'orchestrator.approval.requested':
      return objectionToAsk(state, event.data);
    case 'orchestrator.approval.decided':
      return openAsks(state).some(({ request }) => request.approval_id === event.data.approval_id)
        ? null
        : 'this question is not open';
    case 'orchestrator.cancel.requested':
      return state.cancel ? 'cancelled twice' : null;
    case 'orchestrator.task.completed':
      return event.data.total_steps === performedSteps(state).length ? null : 'the count of steps is wrong';
    default:
      return null;
  }
}

function apply(state: RunState, event: RunEvent): RunState {
  switch (event.type) {
    case 'orchestrator.run.accepted':
      return {
        ...state,
        phase: 'accepted',
        runId: event.runId,
        tenantId: event.tenantId,
        engineVersion: event.data.engine_version,
        run: event.data.run,
        history: event.data.history ?? null,
        acceptedAt: event.ts,
      };
    case 'orchestrator.task.started':
      return { ...state, phase: 'idle' };
    case 'orchestrator.planning.started':
      return { ...state, phase: 'planning' };
    case 'orchestrator.planning.completed': {
      const { decision, text, usage, step_number: stepNumber, finish_reason: finishReason } = event.data;
      const planning = { stepNumber, text, decision, ...(finishReason === undefined ? {} : { finishReason }) };
      const acts = decision.kind === 'act' ? decision.acts : [];
      return {
        ...state,
        phase: acts.length > 0 ? 'acting' : 'idle',
        plannings: [...state.plannings, planning],
        steps: [
          ...state.steps,
          ...acts.map((act): StepState => ({ act, ask: null, attempt: 0, epoch: 0, outcome: null })),
        ],
        openFrom: state.steps.length,
        lastText: text === '' ? state.lastText : text,
        usage: addUsage(state.usage, usage),
      };
    }
    case 'orchestrator.step.dispatching':
      return withStep(state, event.data.step_id, (step) => ({
        ...step,
        attempt: event.data.attempt,
        epoch: event.epoch,
      }));
    case 'orchestrator.step.completed': {
      const { usage } = event.data;
      const charged = usage ? { ...state, usage: addUsage(state.usage, usage) } : state;
      const after = withStep(charged, event.data.step_id, (step) => ({ ...step, outcome: event.data }));
      return openSteps(after).length > 0 ? after : { ...after, phase: 'idle', openFrom: after.steps.length };
    }
    case 'orchestrator.guardrail.violated':
      return endsRun(event.data) ? { ...state, violation: event.data } : state;
    case 'orchestrator.budget.exceeded':
      return { ...state, exceeded: event.data, budgetAsk: null };
    case 'orchestrator.approval.requested':
      return asked(state, { request: event.data, decision: null });
    case 'orchestrator.approval.decided':
      return decided(state, event.data);
    case 'orchestrator.cancel.requested':
      return { ...state, cancel: event.data };
    case 'orchestrator.task.completed':
      return { ...state, phase: 'ended', terminal: event.data, endedAt: event.ts };
    // Facts to tell, not to decide by.
    case 'orchestrator.model.waiting':
    case 'orchestrator.message.completed':
    case 'mcp.task.started':
    case 'mcp.toolbox.generated':
    case 'mcp.tool.search':
    case 'mcp.tool.selected':
    case 'mcp.tool.execution':
    case 'mcp.task.completed':
    case 'a2a.delegation.started':
    case 'a2a.delegation.completed':
    case 'a2a.delegation.failed':
    case 'computer_use.task.started':
    case 'computer_use.task.completed':
    case 'computer_use.session.opened':
    case 'computer_use.action.performed':
    case 'computer_use.session.closed':
    case 'worker.step.started':
    case 'worker.step.completed':
    case 'worker.reflection.started':
    case 'worker.reflection.completed':
    case 'code_agent.session.started':
    case 'code_agent.session.completed':
    case 'code_agent.step.started':
    case 'grounding.generate_coords.started':
    case 'grounding.generate_coords.completed':
    case 'grounding.code_agent.started':
      return state;
    default:
      return undecided(event, state);
  }
}

/** A withheld part of a result is reported to the planner; a withheld task or answer ends the run. */
function endsRun({ where }: FactOf<'orchestrator.guardrail.violated'>['data']): boolean {
  return where === 'task' || where === 'output';
}

type Requested = FactOf<'orchestrator.approval.requested'>['data'];
type Decided = FactOf<'orchestrator.approval.decided'>['data'];

function objectionToAsk(state: RunState, asks: Requested): string | null {
  if (asks.kind === 'budget') {
    if (!state.exceeded || onExceeded(state) !== 'ask') return 'no limit is open to question';
    return state.budgetAsk ? 'asked twice' : null;
  }
  const step = asks.step_id === null ? undefined : openStep(state, asks.step_id);
  if (!step) return 'this step is not open';
  if (!mustAsk(step)) return 'this step needs no decision';
  const known = state.steps.some(({ ask }) => ask?.request.approval_id === asks.approval_id);
  return known ? 'this question was asked before' : null;
}

function asked(state: RunState, ask: Ask): RunState {
  const { step_id: stepId } = ask.request;
  if (stepId === null) return { ...state, budgetAsk: ask, budgetAsks: state.budgetAsks + 1 };
  return withStep(state, stepId, (step) => ({ ...step, ask }));
}

function decided(state: RunState, decision: Decided): RunState {
  const { budgetAsk, exceeded } = state;
  if (exceeded && isOpen(budgetAsk) && budgetAsk.request.approval_id === decision.approval_id) {
    if (decision.decision !== 'approve') return { ...state, budgetAsk: { ...budgetAsk, decision } };
    const raised = { ...state.raised, [budgetKey(exceeded)]: raisedLimit(state, decision) };
    return { ...state, exceeded: null, budgetAsk: null, raised };
  }
  return {
    ...state,
    steps: state.steps.map((step) => {
      if (!isOpen(step.ask) || step.ask.request.approval_id !== decision.approval_id) return step;
      const edited = decision.decision === 'approve' ? decision.arguments : undefined;
      const act = edited === undefined ? step.act : { ...step.act, arguments: edited };
      return { ...step, act, ask: { ...step.ask, decision } };
    }),
  };
}

/** The raised limit: the number that the person named, if it helps, or else as much again as was used. */
function raisedLimit(state: RunState, { arguments: given }: Decided): number {
  const exceeded = state.exceeded!;
  const named = given?.['limit'];
  if (typeof named === 'number' && Number.isFinite(named) && named > exceeded.used) return named;
  const original = limitOf({ ...state, raised: {} }, exceeded) ?? exceeded.limit;
  return Math.max(exceeded.limit, exceeded.used) + original;
}

/** Costs add up if they are known; the sum of unknown costs is unknown. */
export function addUsage(a: Usage, b: Usage): Usage {
  const usd = (a.usd ?? 0) + (b.usd ?? 0);
  return {
    input_tokens: a.input_tokens + b.input_tokens,
    output_tokens: a.output_tokens + b.output_tokens,
    ...(a.usd === undefined && b.usd === undefined ? {} : { usd }),
    ...(a.estimated || b.estimated ? { estimated: true } : {}),
  };
}

function openStep(state: RunState, stepId: string): StepState | undefined {
  return openSteps(state).find((step) => step.act.step_id === stepId);
}

function plannedTwice(state: RunState, decision: { kind: string; acts?: readonly { step_id: string }[] }): boolean {
  const ids = (decision.acts ?? []).map((act) => act.step_id);
  return new Set(ids).size !== ids.length || state.steps.some((step) => ids.includes(step.act.step_id));
}

function withStep(state: RunState, stepId: string, change: (step: StepState) => StepState): RunState {
  return { ...state, steps: state.steps.map((step) => (step.act.step_id === stepId ? change(step) : step)) };
}
