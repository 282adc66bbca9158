import { ScreenAction, type ScreenPoint, safeParse } from '@switchyard/contracts';
import type { WorkerCall } from './functions.ts';

/* A decision of the worker as acts of the hands. Pure. */

/** The things that a call aims at, in words, in the order in which their points are wanted. */
export function targetsOf(call: WorkerCall): readonly string[] {
  if ('target' in call && call.target !== undefined) return [call.target];
  return call.name === 'drag' ? [call.from, call.to] : [];
}

/** What was done, in words: the same for the same act. Text that is typed does not appear in it. */
export function wordsOf(call: WorkerCall): string {
  switch (call.name) {
    case 'click':
    case 'double_click':
    case 'right_click':
    case 'move':
      return `${call.name} ${call.target}`;
    case 'drag':
      return `drag ${call.from} to ${call.to}`;
    case 'scroll':
      return `scroll ${call.direction} ${call.notches} over ${call.target}`;
    case 'type':
      return `type "${call.text.slice(0, 200)}"${call.target === undefined ? '' : ` into ${call.target}`}`;
    case 'key':
      return `key ${call.keys.join('+')}`;
    case 'wait':
      return `wait ${call.ms} ms`;
    case 'open_app':
      return `open_app ${call.app}`;
    case 'open_url':
      return `open_url ${call.url.slice(0, 200)}`;
    default:
      return call.name;
  }
}

/** Calls whose repetition changes nothing outside of the screen. */
const HARMLESS = new Set<WorkerCall['name']>(['move', 'scroll', 'wait']);

export function isHarmless({ name }: WorkerCall): boolean {
  return HARMLESS.has(name);
}

/** The acts of a call whose targets are at `points`; or why there are none, in a sentence for the model. */
export function actionsOf(call: WorkerCall, points: readonly ScreenPoint[]): readonly ScreenAction[] | string {
  const drafts = draftsOf(call, points);
  const actions: ScreenAction[] = [];
  for (const draft of drafts) {
    const parsed = safeParse(ScreenAction, draft);
    if (!parsed.success) return `${call.name} cannot be done like this: ${parsed.error.issues[0]?.message ?? 'wrong'}`;
    actions.push(parsed.data);
  }
  return actions;
}

const NOTCHES = { up: [0, -1], down: [0, 1], left: [-1, 0], right: [1, 0] } as const;

function draftsOf(call: WorkerCall, points: readonly ScreenPoint[]): readonly object[] {
  const [point, second] = points;
  switch (call.name) {
    case 'click':
    case 'double_click':
    case 'right_click':
    case 'move':
      return [{ kind: call.name, ...point }];
    case 'drag':
      return [{ kind: 'drag', path: [point, second] }];
    case 'scroll': {
      const [dx, dy] = NOTCHES[call.direction];
      return [{ kind: 'scroll', ...point, dx: dx * call.notches, dy: dy * call.notches }];
    }
    case 'type': {
      const text = { kind: 'type', text: call.text };
      if (point === undefined) return [text];
      return [{ kind: 'click', ...point }, { kind: 'key', keys: ['ctrl', 'a'] }, text];
    }
    case 'key':
      return [{ kind: 'key', keys: call.keys }];
    case 'wait':
      return [{ kind: 'wait', ms: call.ms }];
    case 'open_app':
      return [{ kind: 'open_app', app: call.app }];
    case 'open_url':
      return [{ kind: 'open_url', url: call.url }];
    default:
      return [];
  }
}
