import { grouped, type JournalRow } from './evidence-rows.ts';

/* The delegated steps of a round, from its journals. Pure. */

export interface Delegation {
  readonly runId: string;
  readonly stepId: string;
  /** `agent`: the one over A2A. `tool agent`: the one in mcp-tool. */
  readonly to: 'agent' | 'tool agent';
  readonly task: string;
  /** When it was announced for the first time. */
  readonly sinceTs: number;
  /** How often it was dispatched. */
  readonly attempts: number;
  /** Undefined where its run was cancelled meanwhile. */
  readonly outcome: DelegationOutcome | undefined;
}

interface DelegationOutcome {
  readonly ts: number;
  readonly status: string;
  readonly error: string;
}

const TO: Readonly<Record<string, Delegation['to']>> = { a2a: 'agent', mcp: 'tool agent' };

export function delegationsOf(events: readonly JournalRow[]): Delegation[] {
  const ofStep = grouped(
    events.filter(({ type }) => type === 'orchestrator.step.dispatching' || type === 'orchestrator.step.completed'),
    ({ runId, stepId }) => `${runId} ${stepId}`,
  );
  return [...ofStep.values()].flatMap((rows): Delegation[] => {
    const dispatched = rows.filter(({ type }) => type === 'orchestrator.step.dispatching');
    const [announced] = dispatched;
    const end = rows.find(({ type }) => type === 'orchestrator.step.completed');
    if (!announced?.stepId || announced.data['tool'] !== undefined) return [];
    const to = TO[String(announced.data['target'])];
    if (to === undefined) return [];
    const { runId, stepId, ts, data } = announced;
    const outcome = end && { ts: end.ts, status: String(end.data['status']), error: String(end.data['error'] ?? '') };
    return [{ runId, stepId, to, task: String(data['task']), sinceTs: ts, attempts: dispatched.length, outcome }];
  });
}

/** The key of a step: its calls and its message carry it. */
export function keyOfStep({ runId, stepId }: { readonly runId: string; readonly stepId: string }): string {
  return `${runId}:${stepId}`;
}
