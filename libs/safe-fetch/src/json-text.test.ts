import { describe, expect, it } from '@jest/globals';
import { jsonPlaces } from './json-text.ts';

const TEXT = `{
  "ada@x.y": {
    "paths": ["/a",
      "/b" ],
    "hours": { "from": "08:00" }
  },
  "b\\"ob": 1,
  "ada@x.y": 2
}`;

describe('jsonPlaces', () => {
  it.each([
    [['ada@x.y'], 2],
    [['ada@x.y', 'paths'], 3],
    [['ada@x.y', 'paths', 1], 4],
    [['ada@x.y', 'hours', 'from'], 5],
    [['ada@x.y', 'hours', 'to'], 5],
    [['b"ob'], 7],
    [['not there'], 1],
    [[], 1],
  ])('%j stands in line %i', (path, line) => expect(jsonPlaces(TEXT).lineOf(path)).toBe(line));

  it('finds a name that comes twice', () => {
    expect(jsonPlaces(TEXT).repeated).toEqual({ name: 'ada@x.y', line: 8 });
    expect(jsonPlaces('[{"a":1},{"a":{"a":2}}]').repeated).toBeUndefined();
  });
});
