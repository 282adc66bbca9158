import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { toCloudEvent } from '@switchyard/contracts';
import { replay } from '@switchyard/run';
import { eventsIn, verdictLines } from './verb-replay.ts';

const golden = readFileSync(
  join(import.meta.dirname, '..', '..', '..', '..', 'libs', 'run', 'golden', 'v1', 'two-tools-at-once.json'),
  'utf8',
);

it('reads a journal as it is stored, as a list, and as it is on the bus', () => {
  const events = eventsIn(golden);
  expect(eventsIn(JSON.stringify(events))).toEqual(events);
  expect(eventsIn(JSON.stringify(events.map(toCloudEvent)))).toEqual(events);
  expect(verdictLines(replay(events))).toEqual([expect.stringMatching(/the same\. .* all \d+ .* to its end/)]);
});

it('says what is wrong with a file that is no journal', () => {
  expect(() => eventsIn('{')).toThrow('no JSON');
  expect(() => eventsIn('{"a":1}')).toThrow('no list of events');
  expect(() => eventsIn('[{"type":"x"}]')).toThrow('Event 1 of this file');
});

it('names the first difference: its place, what is recorded and what would be today', () => {
  const events = eventsIn(golden).map((event) =>
    event.type === 'orchestrator.task.completed'
      ? { ...event, data: { ...event.data, total_steps: 2, failed_steps: 1 } }
      : event,
  );
  const lines = verdictLines(replay(events));
  expect(lines[0]).toContain(`differs at ${events.length} of ${events.length}`);
  expect(lines[1]).toContain('"failed_steps" is recorded as 1; it would be 0.');
  expect(lines[2]).toMatch(/^ {2}recorded {2}orchestrator\.task\.completed/);
  expect(lines[3]).toMatch(/^ {2}today {5}orchestrator\.task\.completed/);
});

it('names a fact that this version does not know instead of refusing the journal', () => {
  const documents = eventsIn(golden).map(toCloudEvent);
  documents[3] = { ...documents[3]!, type: 'orchestrator.future.fact' };
  expect(verdictLines(replay(eventsIn(JSON.stringify(documents)))).join('\n')).toContain('does not know this fact');
});
