import { describe, expect, it } from '@jest/globals';
import { fc } from '@switchyard/testing/property';
import { actionsOf } from './acts.ts';
import { readCall } from './answers.ts';
import { toScreen } from './coordinates.ts';
import { GroundingCall, WorkerCall } from './functions.ts';
import { elementAt } from './grounding.ts';

const said = (name: string, args: unknown) => ({
  text: '',
  calls: [{ name, arguments: typeof args === 'string' ? args : JSON.stringify(args) }],
});

describe('an answer of the model', () => {
  it('is one call with checked arguments; nulls count as left out, and of several calls the first', () => {
    expect(readCall(WorkerCall, said('type', { text: 'Ann', target: null }))).toEqual({
      call: { name: 'type', text: 'Ann' },
    });
    const several = { text: '', calls: [...said('wait', {}).calls, ...said('done', { answer: '' }).calls] };
    expect(readCall(WorkerCall, several)).toEqual({ call: { name: 'wait', ms: 1_000 } });
  });

  it.each([
    ['no call', { text: 'I press it.', calls: [] }, /no function call/],
    ['no JSON', said('click', '{"target": '), /no JSON object/],
    ['an unknown function', said('explode', {}), /explode/],
    ['a missing argument', said('click', {}), /target/],
  ])('that is %s is told why it cannot be used', (_, answer, why) => {
    expect(readCall(WorkerCall, answer)).toEqual({ problem: expect.stringMatching(why) });
  });

  it('never breaks the reader, whatever it holds', () => {
    fc.assert(
      fc.property(fc.string(), fc.oneof(fc.string(), fc.json()), (name, text) => {
        const read = readCall(WorkerCall, { text: '', calls: [{ name, arguments: text }] });
        expect('call' in read || read.problem.length > 0).toBe(true);
      }),
    );
  });

  it('names its function itself: an argument called name does not stand in for it', () => {
    const read = readCall(GroundingCall, said('point', { name: 'not_found', x: 1, y: 2 }));
    expect(read).toEqual({ call: { name: 'point', x: 1, y: 2 } });
  });
});

describe('a point that the model names', () => {
  const size = { width: 1_280, height: 800 };

  it.each([
    ['pixels', { x: 0, y: 0 }, { x: 0, y: 0 }],
    ['pixels', { x: 1_279, y: 0 }, { x: 1_279, y: 0 }],
    ['pixels', { x: 0, y: 799 }, { x: 0, y: 799 }],
    ['pixels', { x: 1_279, y: 799 }, { x: 1_279, y: 799 }],
    ['thousandths', { x: 0, y: 0 }, { x: 0, y: 0 }],
    ['thousandths', { x: 1_000, y: 0 }, { x: 1_279, y: 0 }],
    ['thousandths', { x: 0, y: 1_000 }, { x: 0, y: 799 }],
    ['thousandths', { x: 1_000, y: 1_000 }, { x: 1_279, y: 799 }],
  ] as const)('in %s reaches each corner of the screen: %j', (how, point, corner) => {
    expect(toScreen(point, size, how)).toEqual(corner);
  });

  it('outside of the screen is none', () => {
    for (const point of [
      { x: -1, y: 0 },
      { x: 1_280, y: 0 },
      { x: 0, y: 800 },
      { x: NaN, y: 0 },
    ])
      expect(toScreen(point, size, 'pixels')).toBeUndefined();
  });
});

describe('an element that the application names', () => {
  const rect = { x: 10, y: 20, width: 100, height: 40 };
  const save = { role: 'button', name: 'Save', rect };

  it('is found by its label, and by its kind where several have the label', () => {
    expect(elementAt('the button "save"', [save])).toEqual({ x: 60, y: 40 });
    const field = { role: 'textbox', name: 'Save', rect: { ...rect, x: 500 } };
    expect(elementAt('the textbox "Save"', [save, field])).toEqual({ x: 550, y: 40 });
  });

  it('is not guessed: without a quoted label, with none that fits, or with several', () => {
    expect(elementAt('the save button', [save])).toBeUndefined();
    expect(elementAt('the button "Send"', [save])).toBeUndefined();
    expect(elementAt('the button "Save"', [save, save])).toBeUndefined();
  });
});

describe('a decision', () => {
  it('becomes acts of the hands at the points that were found', () => {
    const point = { x: 3, y: 4 };
    expect(actionsOf({ name: 'type', text: 'Ann', target: 'f' }, [point])).toEqual([
      { kind: 'click', button: 'left', ...point },
      { kind: 'key', keys: ['ctrl', 'a'] },
      { kind: 'type', text: 'Ann' },
    ]);
    const scroll = { name: 'scroll', target: 'l', direction: 'up', notches: 7 } as const;
    expect(actionsOf(scroll, [point])).toEqual([{ kind: 'scroll', ...point, dx: 0, dy: -7 }]);
    expect(actionsOf({ name: 'open_url', url: 'file:///etc/passwd' }, [])).toContain('open_url cannot be done');
  });
});
