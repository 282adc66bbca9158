import { describe, expect, it } from '@jest/globals';
import { fc } from '@switchyard/testing/property';
import {
  encodeId,
  formatCursor,
  formatStepId,
  Id,
  ID_PATTERN,
  idOrThrow,
  parseCursor,
  publicRunId,
  RunId,
  runIdsFor,
  scopedRunId,
} from './ids.ts';

const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 200 }),
  fc.string({ unit: 'grapheme' }),
  fc.emailAddress(),
);

describe('encodeId', () => {
  it('makes an id of every text, always the same', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(encodeId(text)).toMatch(ID_PATTERN);
        expect(encodeId(text)).toBe(encodeId(text));
      }),
      { numRuns: 1_000 },
    );
  });

  it('never gives two texts one id', () => {
    const ids = new Map<string, string>();
    fc.assert(
      fc.property(anyText, (text) => {
        const id = encodeId(text);
        expect(ids.get(id) ?? text).toBe(text);
        ids.set(id, text);
        // What it gave, and what looks like it, is another text again.
        if (id !== text) expect(encodeId(id)).not.toBe(id);
      }),
      { numRuns: 2_000 },
    );
  });

  it('leaves an id as it is, and encodes what could be taken for an encoded text', () => {
    expect(encodeId('alice_01-B')).toBe('alice_01-B');
    expect(encodeId('x-YQ')).not.toBe('x-YQ');
    expect(encodeId('alice@example.org')).toBe('x-YWxpY2VAZXhhbXBsZS5vcmc');
    expect(encodeId('a'.repeat(65))).toMatch(/^x-h-[\w-]{43}$/);
  });

  it.each([
    ['', ' '],
    ['\ud800', '\ufffd'],
    ['\ud800', '\udc00'],
    ['A@b', 'a@b'],
    ['é@b', 'e\u0301@b'],
    [`${'a'.repeat(100)}b`, `${'a'.repeat(100)}c`],
  ])('tells %j and %j apart', (a, b) => expect(encodeId(a)).not.toBe(encodeId(b)));
});

describe('an id', () => {
  const hostile = [
    '',
    ' ',
    '.',
    '*',
    '>',
    'a.b',
    'a b',
    'a\n',
    '\n',
    'a*',
    'ü',
    'a'.repeat(65),
    'a/b',
    '../a',
    'a\u0000',
  ];

  it.each(hostile)('is never %j', (text) => {
    expect(Id.safeParse(text).success).toBe(false);
    expect(() => idOrThrow(text, 'runId')).toThrow(expect.objectContaining({ code: 'invalid_id' }));
  });

  it.each([undefined, null, 7, {}, ['a'], { toString: () => 'a' }])('is never %p', (value) =>
    expect(() => idOrThrow(value, 'runId')).toThrow(expect.objectContaining({ code: 'invalid_id' })),
  );

  it('is not echoed where it is refused', () => {
    expect(() => idOrThrow('<script>', 'runId')).toThrow(/^runId must be 1 to 64 letters/);
  });
});

describe('a cursor', () => {
  it('comes back as it was written', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/), fc.nat(), (runId, seq) =>
        expect(parseCursor(formatCursor(runId, seq))).toEqual({ runId, seq }),
      ),
    );
  });

  it.each([
    '',
    ':',
    'r',
    'r:',
    ':1',
    'r:-1',
    'r:01',
    'r:1.5',
    'r:1e3',
    'r:1:2',
    'r:99999999999',
    ' r:1',
    'r:1\n',
    'a.b:1',
  ])('is never %j', (text) => expect(parseCursor(text)).toBeUndefined());
});

it('step ids tell the target and count over the whole run', () => {
  expect([formatStepId('mcp', 1), formatStepId('computer_use', 2), formatStepId('a2a', 1_000)]).toEqual([
    'step-mcp-001',
    'step-cu-002',
    'step-a2a-1000',
  ]);
});

describe('run ids of clients', () => {
  const anyId = fc.stringMatching(ID_PATTERN);

  it('are those of their tenant, shown as they were given, and no other tenant has the same', () => {
    fc.assert(
      fc.property(anyId, anyId, anyId, (tenant, other, id) => {
        const kept = scopedRunId(tenant, id);
        expect(RunId.safeParse(kept).success).toBe(true);
        expect(publicRunId(tenant, kept)).toBe(publicRunId(tenant, id));
        expect(scopedRunId(tenant, kept)).toBe(kept);
        expect(scopedRunId(tenant, publicRunId(tenant, kept))).toBe(kept);
        if (tenant !== other) expect(scopedRunId(other, kept)).not.toBe(kept);
        if (tenant !== other) expect(publicRunId(other, kept)).toBe(kept);
        expect([...runIdsFor(tenant, id)].sort()).toEqual([kept, publicRunId(tenant, id)].sort());
      }),
    );
  });
});
