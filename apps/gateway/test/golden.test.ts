import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import type { RunEvent } from '@switchyard/contracts';
import { a2aDialect } from '../src/dialects/a2a.ts';
import { agUiDialect } from '../src/dialects/ag-ui.ts';
import { legacyDialect } from '../src/dialects/legacy.ts';
import { orchestrateDialect } from '../src/dialects/orchestrate.ts';
import { rawDialect } from '../src/dialects/raw.ts';
import type { Dialect, DialectContext } from '../src/dialects/dialect.ts';
import { createProjection } from '../src/dialects/projection.ts';
import { scenario, SCENARIO_NAMES, THREAD } from './scenarios.ts';

/* The exact bytes of every dialect for every scenario. UPDATE_GOLDEN=1 writes the files anew: read the diff. */

const base: DialectContext = { runId: 'run-1', threadId: THREAD, view: 'default', profile: '1.0' };
const VIEWS: { name: string; dialect: Dialect<never>; context: DialectContext }[] = [
  { name: 'orchestrate', dialect: orchestrateDialect as Dialect<never>, context: base },
  { name: 'orchestrate-all', dialect: orchestrateDialect as Dialect<never>, context: { ...base, view: 'all' } },
  { name: 'legacy', dialect: legacyDialect as Dialect<never>, context: base },
  { name: 'ag-ui-1.0', dialect: agUiDialect as Dialect<never>, context: base },
  { name: 'ag-ui-legacy', dialect: agUiDialect as Dialect<never>, context: { ...base, profile: 'legacy' } },
  { name: 'a2a', dialect: a2aDialect as Dialect<never>, context: base },
  { name: 'raw', dialect: rawDialect as Dialect<never>, context: base },
];

describe.each(VIEWS)('$name', ({ name, dialect, context }) => {
  const run = (events: readonly RunEvent[], after = 0): string => {
    const projection = createProjection(dialect, context, { after });
    return events.map((event) => projection.event(event)).join('');
  };

  it.each(SCENARIO_NAMES)('says exactly this of a run: %s', (which) => {
    const file = new URL(`./golden/${which}.${name}.txt`, import.meta.url);
    const text = run(scenario(which));
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(file, text);
    expect(existsSync(file)).toBe(true);
    expect(text).toBe(readFileSync(file, 'utf8'));
  });

  it.each(SCENARIO_NAMES)('says the same where events come twice or late: %s', (which) => {
    const events = scenario(which);
    const twice = events.flatMap((event, index) => [event, ...events.slice(Math.max(0, index - 2), index + 1)]);
    expect(run(twice)).toBe(run(events));
    expect(run([...events, ...events])).toBe(run(events));
  });

  it.each(SCENARIO_NAMES)('continues after any cursor where the earlier stream stopped: %s', (which) => {
    const events = scenario(which);
    const whole = run(events);
    for (const { seq } of events) {
      const head = run(events.slice(0, seq));
      expect(head + run(events, seq)).toBe(whole);
    }
  });

  it('carries the cursor on the last frame of each event and nowhere else', () => {
    for (const which of SCENARIO_NAMES) {
      const projection = createProjection(dialect, context, { after: 0 });
      for (const event of scenario(which)) {
        const blocks = projection
          .event(event)
          .split('\n\n')
          .filter((block) => block !== '');
        const withId = blocks.map((block) => /^id: (.*)$/m.exec(block)?.[1]);
        expect(withId).toEqual(
          blocks.map((_, index) => (index === blocks.length - 1 ? `run-1:${event.seq}` : undefined)),
        );
      }
    }
  });

  it('ends a stream that cannot go on with one terminal frame, and says nothing after it', () => {
    const projection = createProjection(dialect, context, { after: 0 });
    const events = scenario('tool');
    projection.event(events[0]!);
    expect(projection.interrupt({ code: 'unavailable', message: 'Gone.' })).toContain('Gone.');
    expect(projection.interrupt({ code: 'unavailable', message: 'Gone.' })).toBe('');
    expect(projection.event(events[1]!)).toBe('');
    expect(projection.ended).toBe(true);
  });
});
