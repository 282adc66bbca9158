import { describe, expect, it } from '@jest/globals';
import type { Seen } from '../eyes/index.ts';
import { goalsOf } from './goals.ts';
import { workerCall } from './worker.ts';

const seen = (kind: Seen['kind'], lines: string[], place = 0): Seen => {
  return { kind, lines, x: place, y: place, width: 200, height: 60, focused: false };
};

describe('the goals of a task', () => {
  it('are read from its words, in their order', () => {
    const task =
      'Enter "Ada" into the field "Name" and fill "City" with "Paris", untick the box "News", set the slider "Volume" to 70, ' +
      'choose "File > Export" from the menu, select "Item 7" in the list, drag the card "A" to "Done" and press "Save".';
    expect(goalsOf(task)).toEqual([
      { do: 'fill', field: 'Name', text: 'Ada' },
      { do: 'fill', field: 'City', text: 'Paris' },
      { do: 'tick', label: 'News', on: false },
      { do: 'set', slider: 'Volume', value: 70 },
      { do: 'choose', path: ['File', 'Export'] },
      { do: 'select', item: 'Item 7' },
      { do: 'drag', card: 'A', column: 'Done' },
      { do: 'press', label: 'Save' },
    ]);
    expect(goalsOf('What is the weather?')).toEqual([]);
  });
});

describe('the worker', () => {
  const task = 'Task: Enter "Ada" into the field "Name" and press "Save".';

  it('does what is not done yet, and says done only where the picture shows it', () => {
    const [name, save] = [seen('field', ['Name']), seen('button', ['Save'])];
    expect(workerCall(task, [name, save])).toMatchObject({ name: 'type', arguments: { text: 'Ada' } });
    const filled = seen('field', ['Name', 'Ada']);
    expect(workerCall(task, [filled, save])).toMatchObject({ name: 'click' });
    expect(workerCall(task, [filled, save, seen('status', ['pressed Save'])])).toMatchObject({ name: 'done' });
  });

  it('says what it does not see', () => {
    const call = workerCall(task, [seen('button', ['Save'])]);
    expect(call).toEqual({ name: 'fail', arguments: { reason: 'I see no field "Name" on the screen.' } });
    expect(workerCall(task, [])).toMatchObject({ name: 'wait' });
  });

  it('declines a dialog that the task does not speak of, and never accepts one', () => {
    const dialog: Seen = { ...seen('dialog', ['Install now?']), width: 500, height: 500 };
    const under = [seen('field', ['Name']), dialog];
    const yes = seen('button', ['Yes'], 10);
    expect(workerCall(task, [...under, yes, seen('button', ['No'], 20)])).toMatchObject({
      arguments: { target: 'the button "No"' },
    });
    expect(workerCall(task, [...under, yes])).toMatchObject({ name: 'fail' });
  });
});
