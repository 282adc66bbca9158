import { describe, expect, it } from '@jest/globals';
import { fc } from '@switchyard/testing/property';
import { RUN_EVENTS } from './events/run-events.ts';
import { STREAMS, subjects } from './streams.ts';
import { SYSTEM_EVENTS } from './events/system-events.ts';

const put = [
  ['runEvent', (tenant: string, run: string) => subjects.runEvent(tenant, run, 'mcp.tool.execution')],
  ['runFilter', subjects.runFilter],
  ['liveDelta', subjects.liveDelta],
  ['wakeUp', subjects.wakeUp],
] as const;

describe.each(put)('%s', (_, subject) => {
  it.each(['', '.', '*', '>', 'a.b', 'a b', 'a\t', 'a\r\n', 'a\u0000', 'ü', '$SYS', 'a'.repeat(65)])(
    'refuses the id %j, as tenant and as run',
    (id) => {
      expect(() => subject(id, 'run')).toThrow(expect.objectContaining({ code: 'invalid_id' }));
      // An id that a client chose is kept with a tag of its tenant before it, so that of a run may be longer.
      const asRun = id.length === 65 ? id.padEnd(81, id) : id;
      expect(() => subject('tenant', asRun)).toThrow(expect.objectContaining({ code: 'invalid_id' }));
    },
  );

  it('has the same number of tokens for whatever it takes', () => {
    const tokens = subject('t', 'r').split('.').length;
    fc.assert(
      fc.property(fc.string(), fc.string(), (tenant, run) => {
        let text: string;
        try {
          text = subject(tenant, run);
        } catch {
          return;
        }
        expect(text.split('.')).toHaveLength(tokens);
        expect(text).toMatch(/^[A-Za-z0-9_.>-]+$/);
      }),
    );
  });
});

it('the last three tokens of a fact are its type, and a stream keeps it', () => {
  for (const { type } of RUN_EVENTS) expect(subjects.runEvent('t', 'r', type)).toBe(`run.t.r.${type}`);
  for (const { type } of SYSTEM_EVENTS) expect(subjects.system(type)).toBe(`sys.${type}`);
  expect(Object.values(STREAMS).flatMap((stream): readonly string[] => stream.subjects)).toEqual([
    'run.>',
    'sys.>',
    'cmd.>',
  ]);
  expect(subjects.liveDelta('t', 'r')).toBe('live.t.r.delta');
});

it('no stream grows without a bound', () => {
  for (const { maxAgeMs, maxBytes, maxMessages, duplicateWindowMs } of Object.values(STREAMS))
    for (const bound of [maxAgeMs, maxBytes, maxMessages, duplicateWindowMs]) expect(bound).toBeGreaterThan(0);
});
