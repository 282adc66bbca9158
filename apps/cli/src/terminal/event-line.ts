import type { RunEventType } from '@switchyard/contracts';
import type { Paint, Tone } from './paint.ts';

/*
 * One event of a run as one line for a person. Pure. Every event of a run is decided about here. What a stream of a newer
 * version holds besides is still shown, by its name and its data, so nothing that happened is hidden.
 */

export interface StreamEvent {
  readonly id?: string | undefined;
  readonly name: string;
  readonly data: unknown;
}

interface Line {
  readonly text: string;
  readonly tone: Tone;
}

type Data = Readonly<Record<string, unknown>>;

const NAME_WIDTH = 33;
const TEXT_LIMIT = 160;

/** Text on one line, without control characters (which could rewrite the terminal), cut with its length named. */
export function oneLine(text: string, limit = TEXT_LIMIT): string {
  const flat = text
    .replace(/[\s\u0085\u2028\u2029]+/g, ' ')
    // eslint-disable-next-line no-control-regex -- control characters are what is to be removed
    .replace(/[\u0000-\u001f\u007f-\u009f]/g, '')
    .trim();
  return flat.length > limit ? `${flat.slice(0, limit)}... (${flat.length} characters)` : flat;
}

/** A value short enough for a line: `location: London, unit: C` for flat objects, else JSON. */
export function compact(value: unknown, limit = TEXT_LIMIT): string {
  if (value === undefined || value === null) return '';
  if (typeof value === 'string') return oneLine(value, limit);
  if (typeof value !== 'object') return String(value);
  const entries = Object.entries(value);
  const isFlat =
    !Array.isArray(value) && entries.length > 0 && entries.every(([, v]) => v === null || typeof v !== 'object');
  return oneLine(isFlat ? entries.map(([k, v]) => `${k}: ${String(v)}`).join(', ') : JSON.stringify(value), limit);
}

const text = (data: Data, name: string): string => compact(data[name]);
const tookMs = (data: Data): string => (typeof data['duration_ms'] === 'number' ? `  ${data['duration_ms']} ms` : '');

/** The planner's acts: `weather(location: London) + calculator(expression: 0.17 * 2340)`. */
function plannedActs(data: Data): string | undefined {
  const decision = data['decision'] as { kind?: string; order?: string; acts?: unknown } | undefined;
  if (decision?.kind !== 'act' || !Array.isArray(decision.acts)) return undefined;
  const acts = (decision.acts as Data[]).map((act) => {
    if (act['agent']) return `${text(act, 'agent')}: ${compact(act['task'], 60)}`;
    return act['tool'] ? `${text(act, 'tool')}(${compact(act['arguments'], 60)})` : compact(act['task'], 60);
  });
  return acts.join(decision.order === 'sequence' ? ', then ' : ' + ');
}

function toolLine(data: Data): Line {
  const what = `${text(data, 'tool')}(${compact(data['params'], 80)})`;
  const ok = data['success'] === true;
  const result = ok ? text(data, 'result') : text(data, 'error') || text(data, 'error_code') || 'failed';
  return { text: `${what} -> ${result}${tookMs(data)}`, tone: ok ? 'good' : 'bad' };
}

/** A step's outcome. Its result was shown by the tool or the agent that produced it. */
function stepLine(data: Data): Line {
  if (data['success'] === true) return { text: `${text(data, 'step_id')} done${tookMs(data)}`, tone: 'dim' };
  const why = text(data, 'error') || text(data, 'error_code') || text(data, 'result') || text(data, 'status');
  const how = data['in_doubt'] === true || data['status'] === 'in_doubt' ? 'is in doubt' : 'failed';
  return { text: `${text(data, 'step_id')} ${how}: ${why}${tookMs(data)}`, tone: 'bad' };
}

type Render = (data: Data) => Line | undefined;

/** Its fields, as they are. */
const fields: Render = (data) => ({ text: compact(data), tone: 'dim' });

/** Lines for frames of the stream, and for live text that its finished message repeats. */
const FRAME_LINES: Readonly<Record<string, Render>> = {
  'response.created': () => undefined,
  'response.in_progress': () => undefined,
  'server.keepalive': () => undefined,
  response: () => undefined,
  'response.completed': () => undefined,
  'response.failed': (d) => ({ text: text(d, 'error'), tone: 'bad' }),
  error: () => undefined,
  'orchestrator.message.delta': () => undefined,
};

const EVENT_LINES: Readonly<Record<RunEventType, Render>> = {
  'orchestrator.run.accepted': () => ({ text: 'the task is committed; from here on it is not lost', tone: 'dim' }),
  'orchestrator.task.started': (d) => ({ text: text(d, 'task'), tone: 'plain' }),
  'orchestrator.planning.started': (d) => ({
    text: `step ${text(d, 'step_number')}${d['last_failed'] === true ? ', after a failure' : ''}`,
    tone: 'dim',
  }),
  'orchestrator.planning.completed': (d) => {
    const kind = d['decision_type'];
    if (kind === 'task_complete') return { text: 'the answer', tone: 'plan' };
    if (kind === 'failed') return { text: `to give up: ${text(d, 'task_preview')}`, tone: 'bad' };
    return {
      text: plannedActs(d) ?? `${text(d, 'target')}: ${text(d, 'task_preview')}`,
      tone: 'plan',
    };
  },
  'orchestrator.step.dispatching': (d) => ({
    text: `${text(d, 'step_id')}: ${text(d, 'task')}`,
    tone: 'dim',
  }),
  'orchestrator.step.completed': stepLine,
  'orchestrator.message.completed': (d) => ({ text: text(d, 'text'), tone: 'plain' }),
  'orchestrator.guardrail.violated': (d) => ({
    text: `${text(d, 'where')}: ${text(d, 'message')}`,
    tone: 'bad',
  }),
  'orchestrator.budget.exceeded': (d) => ({
    text: `${text(d, 'kind')}: ${text(d, 'used')} of ${text(d, 'limit')}`,
    tone: 'bad',
  }),
  'orchestrator.cancel.requested': (d) => ({
    text: `asked by ${text(d, 'by')}: ${text(d, 'reason')}`,
    tone: 'bad',
  }),
  'orchestrator.approval.requested': (d) => ({
    text: `${text(d, 'approval_id')}: ${text(d, 'question')}`,
    tone: 'plan',
  }),
  'orchestrator.approval.decided': (d) => ({
    text: `${text(d, 'decision')} by ${text(d, 'by')}`,
    tone: 'plan',
  }),
  'orchestrator.model.waiting': (d) => ({ text: text(d, 'message'), tone: 'dim' }),
  'orchestrator.task.completed': (d) => ({
    text: `${text(d, 'status')}: ${text(d, 'total_steps')} ${d['total_steps'] === 1 ? 'step' : 'steps'}, ${text(d, 'failed_steps')} failed${spent(d['usage'])}${cut(d['finish_reason'])}`,
    tone: d['status'] === 'success' ? 'good' : 'bad',
  }),
  'mcp.task.started': (d) => ({ text: `${text(d, 'step_id')}: ${text(d, 'task')}`, tone: 'dim' }),
  'mcp.toolbox.generated': (d) => ({ text: `${text(d, 'tool_count')} tools`, tone: 'dim' }),
  'mcp.tool.search': (d) => ({ text: `searching for "${text(d, 'query')}"`, tone: 'dim' }),
  'mcp.tool.selected': (d) => ({ text: text(d, 'tool'), tone: 'dim' }),
  'mcp.tool.execution': toolLine,
  'mcp.task.completed': stepLine,
  'a2a.delegation.started': (d) => ({
    text: `to ${text(d, 'agent')}: ${text(d, 'task')}`,
    tone: 'plan',
  }),
  'a2a.delegation.completed': (d) => ({
    text: `${text(d, 'agent')} -> ${text(d, 'result')}`,
    tone: 'good',
  }),
  'a2a.delegation.failed': (d) => ({
    text: `${text(d, 'agent')}: ${text(d, 'error')}`,
    tone: 'bad',
  }),
  'computer_use.task.started': fields,
  'computer_use.task.completed': fields,
  'computer_use.session.opened': fields,
  'computer_use.action.performed': (d) => ({
    text: `${text(d, 'action')}: ${d['changed'] === true ? 'the screen changed' : 'nothing changed'}${tookMs(d)}`,
    tone: 'dim',
  }),
  'computer_use.session.closed': fields,
  'worker.step.started': (d) => ({ text: `turn ${text(d, 'step')} of ${text(d, 'max_steps')}`, tone: 'dim' }),
  'worker.step.completed': (d) => ({ text: text(d, 'plan'), tone: 'plan' }),
  'worker.reflection.started': fields,
  'worker.reflection.completed': (d) => ({ text: `${text(d, 'verdict')}: ${text(d, 'reason')}`, tone: 'dim' }),
  'code_agent.session.started': fields,
  'code_agent.session.completed': fields,
  'code_agent.step.started': fields,
  'grounding.generate_coords.started': fields,
  'grounding.generate_coords.completed': fields,
  'grounding.code_agent.started': fields,
};

const LINES = new Map<string, Render>(Object.entries({ ...FRAME_LINES, ...EVENT_LINES }));

/** The note that the answer is incomplete. */
function cut(reason: unknown): string {
  if (reason === undefined) return '';
  return reason === 'length'
    ? '; the answer is cut at its limit of length'
    : '; the answer was cut by a content filter';
}

/** The run's usage of the model. */
function spent(usage: unknown): string {
  const { input_tokens: input, output_tokens: output, usd } = (usage ?? {}) as Partial<Record<string, number>>;
  if (typeof input !== 'number' || typeof output !== 'number') return '';
  return `, ${input + output} tokens${typeof usd === 'number' ? `, $${Number(usd.toFixed(6))}` : ''}`;
}

/** An event as a short text; undefined for a frame of the stream. */
export function eventText({ name, data }: StreamEvent): string | undefined {
  const known = (typeof data === 'object' && data !== null ? data : {}) as Data;
  const render = LINES.get(name);
  return render ? render(known)?.text : compact(data);
}

/** The line for an event, `ms` after the start; undefined for what only frames the stream. */
export function eventLine({ name, data }: StreamEvent, ms: number, paint: Paint): string | undefined {
  const known = (typeof data === 'object' && data !== null ? data : {}) as Data;
  const render = LINES.get(name);
  const line = render ? render(known) : { text: compact(data), tone: 'dim' as const };
  if (!line) return undefined;
  const time = `${(ms / 1000).toFixed(2)}s`.padStart(8);
  return `${paint('dim', time)}  ${paint(line.tone, name.padEnd(NAME_WIDTH))} ${line.text}`.trimEnd();
}
