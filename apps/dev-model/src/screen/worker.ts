import type { Seen } from '../eyes/index.ts';
import { type Goal, goalsOf } from './goals.ts';
import { isInside, isReached, rowsOf, widget } from './scene.ts';

/*
 * The worker's next call, from the task and the last picture alone. Pure. It says what it sees and what it does not see,
 * and claims nothing that the picture does not show.
 */

export interface ScreenCall {
  readonly name: string;
  readonly arguments: Record<string, unknown>;
}

const DECLINING = /^(?:no|cancel|decline|not now|close|dismiss|later)\b/i;
const ROWS_A_NOTCH = 3;
const MAX_WAITS = 8;

const call = (name: string, args: Record<string, unknown>): ScreenCall => ({ name, arguments: args });

export function workerCall(text: string, seen: readonly Seen[]): ScreenCall {
  const task = /^Task: (.*)$/m.exec(text)?.[1] ?? text;
  const goals = goalsOf(task);
  if (goals.length === 0) return call('fail', { reason: 'I do not understand what is to be done on the screen.' });
  if (seen.length === 0) return waiting(text);
  const open = goals.find((goal) => !isReached(goal, seen));
  if (!open) return call('done', { answer: `The screen shows that it is done: ${goals.map(inWords).join('; ')}.` });
  return declined(open, seen) ?? towards(open, seen);
}

/** An application that starts shows nothing at first. */
function waiting(text: string): ScreenCall {
  const waits = text.match(/^Turn \d+: wait\b/gm)?.length ?? 0;
  if (waits < MAX_WAITS) return call('wait', { ms: 1_000 });
  return call('fail', { reason: 'I see nothing on the screen that I know.' });
}

/** What is pressed to get a dialog out of the way that the task does not speak of. */
function declined(open: Goal, seen: readonly Seen[]): ScreenCall | undefined {
  const dialog = seen.findLast(({ kind }) => kind === 'dialog');
  if (!dialog) return undefined;
  const buttons = seen.filter((each) => each.kind === 'button' && isInside(each, dialog));
  if (open.do === 'press' && buttons.some(({ lines }) => lines[0] === open.label)) return undefined;
  const no = buttons.find(({ lines }) => DECLINING.test(lines[0] ?? ''));
  if (no) return call('click', { target: `the button "${no.lines[0]}"` });
  return call('fail', {
    reason: `A dialog is in the way, and I see no button to decline it: ${dialog.lines[0] ?? ''}`,
  });
}

function towards(goal: Goal, seen: readonly Seen[]): ScreenCall {
  switch (goal.do) {
    case 'press':
      return widget(seen, 'button', goal.label)
        ? call('click', { target: `the button "${goal.label}"` })
        : unseen('button', goal.label);
    case 'fill':
      return widget(seen, 'field', goal.field)
        ? call('type', { text: goal.text, target: `the field "${goal.field}"` })
        : unseen('field', goal.field);
    case 'tick':
      return widget(seen, 'checkbox', goal.label)
        ? call('click', { target: `the checkbox "${goal.label}"` })
        : unseen('checkbox', goal.label);
    case 'set':
      return widget(seen, 'slider', goal.slider)
        ? call('click', { target: `the slider "${goal.slider}" at ${goal.value}%` })
        : unseen('slider', goal.slider);
    case 'choose':
      return menuCall(goal.path, seen);
    case 'select':
      return listCall(goal.item, seen);
    case 'drag':
      if (!widget(seen, 'card', goal.card)) return unseen('card', goal.card);
      if (!widget(seen, 'column', goal.column)) return unseen('column', goal.column);
      return call('drag', { from: `the card "${goal.card}"`, to: `the column "${goal.column}"` });
  }
}

function menuCall(path: readonly string[], seen: readonly Seen[]): ScreenCall {
  const [menu, ...items] = path;
  const shown = items.findLast((item) => widget(seen, 'item', item));
  if (shown !== undefined) return call('click', { target: `the item "${shown}"` });
  if (menu !== undefined && widget(seen, 'menu', menu)) return call('click', { target: `the menu "${menu}"` });
  return unseen('menu', menu ?? '');
}

function listCall(item: string, seen: readonly Seen[]): ScreenCall {
  const list = seen.find(({ kind }) => kind === 'list');
  if (!list) return unseen('list with', item);
  const rows = rowsOf(list);
  if (rows.some(({ name }) => name === item)) return call('click', { target: `the row "${item}"` });
  const numberOf = (name: string | undefined): number => Number(/\d+/.exec(name ?? '')?.[0] ?? NaN);
  const distance = numberOf(item) - numberOf(rows[0]?.name);
  if (Number.isNaN(distance)) return unseen('row', item);
  const notches = Math.min(50, Math.max(1, Math.floor(Math.abs(distance) / ROWS_A_NOTCH)));
  const direction = distance > 0 ? 'down' : 'up';
  return call('scroll', { target: `the list "${list.lines[0]}"`, direction, notches });
}

function unseen(kind: string, label: string): ScreenCall {
  return call('fail', { reason: `I see no ${kind} "${label}" on the screen.` });
}

export function inWords(goal: Goal): string {
  switch (goal.do) {
    case 'press':
      return `"${goal.label}" is pressed`;
    case 'fill':
      return `"${goal.field}" holds "${goal.text}"`;
    case 'tick':
      return `"${goal.label}" is ${goal.on ? 'ticked' : 'not ticked'}`;
    case 'set':
      return `"${goal.slider}" is at ${goal.value}`;
    case 'choose':
      return `"${goal.path.join(' > ')}" is chosen`;
    case 'select':
      return `"${goal.item}" is selected`;
    case 'drag':
      return `"${goal.card}" is in "${goal.column}"`;
  }
}
