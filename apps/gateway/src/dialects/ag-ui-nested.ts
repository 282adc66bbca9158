import type { RunEvent } from '@switchyard/contracts';
import {
  type AgUiState,
  type Change,
  closeStep,
  closeSubagent,
  isModern,
  openStep,
  openSubagent,
  ownerOf,
  type SubagentEnd,
  tag,
} from './ag-ui-state.ts';
import { VENDOR } from './ag-ui-steps.ts';

/* Work inside a step: an agent within the run is a subagent for a modern peer, and a step with a name for an older one. */

/** An event for which AG-UI has no type. */
export function custom(state: AgUiState, event: RunEvent): Change {
  const value = event.data;
  return {
    state,
    events: [{ type: 'CUSTOM', name: `${VENDOR}.${event.type}`, value, ...tag(ownerOf(state, event.stepId)) }],
  };
}

/** Steps are matched by name and owner; legacy peers see no owner, so the name carries it. */
export function workerStep(state: AgUiState, stepId: string | null, number: number): string {
  return isModern(state) || stepId === null ? `worker#${number}` : `${stepId}/worker#${number}`;
}

/** Begins the work of an agent within the run. */
export function nested(state: AgUiState, event: RunEvent, id: string, name: string, task: string): Change {
  if (!isModern(state)) return openStep(state, nestedName(event, name), null);
  const parent = ownerOf(state, event.stepId);
  const subagent = { id: `${state.context.runId}-${id}`, name, stepId: event.stepId ?? '', parent, toolCallId: null };
  return openSubagent(state, subagent, task);
}

/** Ends the work of an agent within the run. */
export function unnested(state: AgUiState, event: RunEvent, name: string, end: SubagentEnd): Change {
  if (!isModern(state)) return closeStep(state, nestedName(event, name), null);
  const open = state.subagents.findLast((known) => known.stepId === (event.stepId ?? '') && known.name === name);
  return open === undefined ? custom(state, event) : closeSubagent(state, open.id, end);
}

function nestedName(event: RunEvent, name: string): string {
  return `${event.stepId ?? 'run'}/${name}`;
}
