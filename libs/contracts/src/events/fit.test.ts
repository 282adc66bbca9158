import { describe, expect, it } from '@jest/globals';
import { fc } from '@switchyard/testing/property';
import { fit, fitEvent, MAX_EVENT_DATA_BYTES } from './fit.ts';
import { parseRunEvent, type RunEvent } from './run-events.ts';

const bytes = (value: unknown) => Buffer.byteLength(JSON.stringify(value));
const result = (value: unknown): RunEvent =>
  parseRunEvent({
    runId: 'r',
    tenantId: 't',
    seq: 1,
    epoch: 1,
    stepId: 's',
    ts: 1,
    type: 'mcp.tool.execution',
    data: { step_id: 's', tool: 'big', params: {}, success: true, result: value, duration_ms: 1 },
  })!;

describe('an event outside the journal', () => {
  it('is the very same object where it fits', () => {
    const event = result('x'.repeat(MAX_EVENT_DATA_BYTES - 500));
    expect(fitEvent(event)).toBe(event);
  });

  it('keeps its shape and says how long a text was where it does not', () => {
    const cut = fitEvent(result({ text: 'x'.repeat(5_000_000), note: 'short' }));
    expect(parseRunEvent(cut)).toEqual(cut);
    expect(cut.data).toMatchObject({ tool: 'big', success: true, result: { note: 'short' } });
    expect(JSON.stringify(cut.data)).toContain('[cut, 5000000 characters in all]');
  });

  it('is cut the same way every time', () => {
    const event = result(Array.from({ length: 60_000 }, (_, i) => ({ i, text: 'y'.repeat(50) })));
    expect(fitEvent(event)).toEqual(fitEvent(structuredClone(event)));
  });
});

it('fits whatever it was: many texts, many keys, deep lists, characters that JSON escapes', () => {
  let deep: unknown = 'x'.repeat(1_000);
  for (let i = 0; i < 1_000; i += 1) deep = [deep, 'z'.repeat(1_000)];
  const values: unknown[] = [
    '\0'.repeat(500_000),
    '\uD83D\uDE00'.repeat(300_000),
    Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`key ${i} ${'k'.repeat(20)}`, i])),
    { ['\0'.repeat(400_000)]: 1 },
    Array.from({ length: 100 }, () => Array.from({ length: 100 }, () => 'w'.repeat(200))),
    deep,
  ];
  for (const value of values) expect(bytes(fit(value, 100_000))).toBeLessThanOrEqual(100_000);
});

it('fits any value, and leaves what fits alone', () => {
  const value = fc.oneof(fc.jsonValue(), fc.array(fc.string({ unit: 'binary', minLength: 20_000, maxLength: 40_000 })));
  fc.assert(
    fc.property(value, (given) => {
      const fitted = fit(given, 100_000);
      expect(bytes(fitted)).toBeLessThanOrEqual(100_000);
      if (bytes(given) <= 100_000) expect(fitted).toBe(given);
    }),
    { numRuns: 60 },
  );
});
