import type { RunEvent } from '@switchyard/contracts';
import { LOG_STRING_LIMIT, redactSecrets, truncateForLog } from '@switchyard/platform';
import { maskedOf } from './masked-fact.ts';
import { eventFolder, folderNames, logLine, taskHash } from './log-tree.ts';
import type { Line, RunLines } from './tree-disk.ts';

/*
 * The events of a run as text for its folders. Pure.
 *  - Secrets are redacted in everything. Values are cut on the lines, not in the payloads.
 */

export type Accepted = Extract<RunEvent, { type: 'orchestrator.run.accepted' }>;
type Completed = Extract<RunEvent, { type: 'orchestrator.task.completed' }>;

/** The lines of one run's events, in the order of their seq. */
export function linesOf(accepted: Accepted, events: readonly RunEvent[]): RunLines {
  const folders = new Map<string, Line[]>();
  for (const event of events) {
    const folder = eventFolder(event);
    const lines = folders.get(folder);
    if (lines) lines.push(lineOf(event));
    else folders.set(folder, [lineOf(event)]);
  }
  const last = events.at(-1);
  return {
    runId: accepted.runId,
    names: folderNames({ runId: accepted.runId, acceptedAt: accepted.ts, task: accepted.data.run.task }),
    metadata: metadata(accepted, undefined),
    ended: last?.type === 'orchestrator.task.completed' ? metadata(accepted, last) : undefined,
    folders,
  };
}

function lineOf(event: RunEvent): Line {
  const { data, json } = maskedOf(event);
  // Without a long string nothing of it is cut.
  const short = json.length <= LOG_STRING_LIMIT ? json : JSON.stringify(truncateForLog(data));
  const { timestamp, event: name, step_id } = logLine(event, null);
  const head = JSON.stringify({ timestamp, event: name, step_id }).slice(0, -1);
  return { seq: event.seq, line: `${head},"data":${short}}\n`, raw: `${head},"data":${json},"seq":${event.seq}}\n` };
}

function metadata(accepted: Accepted, completed: Completed | undefined): string {
  const { run } = accepted.data;
  const value = {
    run_id: accepted.runId,
    tenant_id: accepted.tenantId,
    user_id: run.principal.userId,
    thread_id: run.thread_id,
    task: run.task,
    task_hash: taskHash(run.task),
    accepted_at: new Date(accepted.ts).toISOString(),
    ended_at: completed ? new Date(completed.ts).toISOString() : null,
    status: completed?.data.status ?? null,
    completion_reason: completed?.data.completion_reason ?? null,
    total_steps: completed?.data.total_steps ?? null,
  };
  return `${JSON.stringify(redactSecrets(value), null, 2)}\n`;
}
