import type { Seen } from '../eyes/index.ts';
import type { Goal } from './goals.ts';

/* What a picture says about goals: what is there, and what is reached. Pure: nothing but the picture counts. */

const same = (a: string | undefined, b: string): boolean => a?.toLowerCase() === b.toLowerCase();

/** The widget of a kind with a label. What is seen last is on top. */
export function widget(seen: readonly Seen[], kind: Seen['kind'], label: string): Seen | undefined {
  return seen.findLast((each) => each.kind === kind && same(each.lines[0], label));
}

/** The rows of a list: its lines after the label, with the mark of the selected one apart. */
export interface Row {
  readonly name: string;
  readonly selected: boolean;
  readonly line: number;
}

export function rowsOf({ lines }: Seen): Row[] {
  return lines.slice(1).map((line, index) => {
    return { name: line.replace(/^[> ]/, ''), selected: line.startsWith('>'), line: index + 1 };
  });
}

/** A long value shows its end alone. */
const MIN_SHOWN = 12;

function shows(value: string, wanted: string): boolean {
  const text = wanted.trimEnd();
  return value === text || (value.length >= MIN_SHOWN && text.endsWith(value));
}

/** True where the picture shows that the goal is reached. */
export function isReached(goal: Goal, seen: readonly Seen[]): boolean {
  const said = seen.filter(({ kind }) => kind === 'status').flatMap(({ lines }) => lines.join(' ').split(', '));
  switch (goal.do) {
    case 'press':
      return said.some((each) => same(each, `pressed ${goal.label}`));
    case 'choose':
      return said.some((each) => same(each, `command ${goal.path.join(' > ')}`));
    case 'fill':
      return shows(widget(seen, 'field', goal.field)?.lines[1] ?? '', goal.text);
    case 'tick':
      return widget(seen, 'checkbox', goal.label)?.lines[1] === (goal.on ? '[x]' : '[ ]');
    case 'set':
      return Math.abs(Number(widget(seen, 'slider', goal.slider)?.lines[1] ?? NaN) - goal.value) <= 1;
    case 'select':
      return seen.some(
        (each) => each.kind === 'list' && rowsOf(each).some((row) => row.selected && same(row.name, goal.item)),
      );
    case 'drag': {
      const [card, column] = [widget(seen, 'card', goal.card), widget(seen, 'column', goal.column)];
      return card !== undefined && column !== undefined && isInside(card, column);
    }
  }
}

export function isInside(inner: Seen, outer: Seen): boolean {
  return (
    inner.x >= outer.x &&
    inner.y >= outer.y &&
    inner.x + inner.width <= outer.x + outer.width &&
    inner.y + inner.height <= outer.y + outer.height
  );
}
