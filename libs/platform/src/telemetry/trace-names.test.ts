import { describe, expect, it } from '@jest/globals';
import * as stable from '@opentelemetry/semantic-conventions';
import * as unstable from '@opentelemetry/semantic-conventions/incubating';
import { SPANS } from './spans.ts';
import * as names from './trace-names.ts';

const THEIRS: ReadonlySet<unknown> = new Set(
  Object.entries({ ...unstable, ...stable }).flatMap(([key, value]) => (key.startsWith('ATTR_') ? [value] : [])),
);
const ALL = Object.values(names).flatMap((group) => (typeof group === 'string' ? [group] : Object.values(group)));

describe('the names of attributes', () => {
  it('are those of OpenTelemetry, or carry our name', () => {
    const neither = ALL.filter((name) => !THEIRS.has(name) && !name.startsWith('switchyard.'));
    expect(neither).toEqual([]);
    expect(new Set(ALL).size).toBe(ALL.length);
  });

  it('are the only ones that a span of the table promises', () => {
    const promised = Object.values(SPANS).flatMap((rule) => [
      ...rule.always,
      ...rule.sometimes,
      ...('whenDone' in rule ? rule.whenDone : []),
    ]);
    expect(promised.filter((name) => !ALL.includes(name))).toEqual([]);
  });
});
