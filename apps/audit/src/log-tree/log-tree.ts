import { reporterOf, type RunEvent, type RunEventType, sha256 } from '@switchyard/contracts';

/** The step of lines without a step: the orchestrator's own actions. */
const RUN_LEVEL_STEP = 'orch-main';
/** Steps of agents that reported an event without naming one. */
const UNKNOWN_STEP = 'step-unknown';

/** The facts of a run's first event that determine its folder's name; they never change. */
export interface LoggedRun {
  readonly runId: string;
  readonly acceptedAt: number;
  readonly task: string;
}

/** One line of a main.jsonl. */
export interface LogLine {
  readonly timestamp: string;
  readonly event: string;
  readonly step_id: string;
  readonly data: unknown;
}

/** First 8 hex digits of the SHA-256 of the task. */
export function taskHash(task: string): string {
  return sha256(task).slice(0, 8);
}

/**
 * The possible names of a run's folder, in the order in which they are tried: a later one is taken only if another run
 * has the earlier one. The same run gives the same names after any restart. The first is `{ISO timestamp, seconds,
 * UTC}_{first 8 hex of sha-256 of the task}`.
 */
export function folderNames(run: LoggedRun): readonly [string, string, string] {
  const iso = new Date(run.acceptedAt).toISOString();
  const hash = taskHash(run.task);
  const withMs = `${iso.slice(0, 23)}_${hash}`;
  return [`${iso.slice(0, 19)}_${hash}`, withMs, `${withMs}_${run.runId}`];
}

/** Matches only folders of runs, in any of their names. */
export const FOLDER_NAME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?_[0-9a-f]{8}(_[A-Za-z0-9_-]{1,80})?$/;

/**
 * The folder of an event inside its run's folder; it holds `main.jsonl` and `raw/`:
 * `orchestrator`, `mcp/{step_id}`, `mcp/{step_id}/planner`, `a2a/{step_id}`, `computer_use/{step_id}` and below
 * it `worker`, `code_agent`, `grounding`.
 */
export function eventFolder(event: Pick<RunEvent, 'type' | 'stepId'>): string {
  const step = event.stepId ?? UNKNOWN_STEP;
  const reporter = reporterOf(event.type);
  if (reporter === undefined) return 'orchestrator';
  const { target, inner } = reporter;
  const below = inner ?? (isToolChoice(event.type) ? 'planner' : null);
  return [target, step, ...(below === null ? [] : [below])].join('/');
}

/**
 * The line of an event, with four keys. `event` is the event's name without its agent, which the folder says:
 * `task.started` in `orchestrator/`. `data` is what the caller made of the payload: redacted, then cut.
 */
export function logLine(event: Pick<RunEvent, 'type' | 'stepId' | 'ts'>, data: unknown): LogLine {
  return {
    timestamp: new Date(event.ts).toISOString(),
    event: nameInFolder(event),
    step_id: event.stepId ?? RUN_LEVEL_STEP,
    data,
  };
}

/** In a folder of another agent the whole name stays. */
function nameInFolder(event: Pick<RunEvent, 'type' | 'stepId'>): string {
  const agent = event.type.slice(0, event.type.indexOf('.'));
  return eventFolder(event).split('/').includes(agent) ? event.type.slice(agent.length + 1) : event.type;
}

/** The planner of the tool agent chooses tools. */
function isToolChoice(type: RunEventType): boolean {
  return type === 'mcp.toolbox.generated' || type === 'mcp.tool.search' || type === 'mcp.tool.selected';
}
