import { describe, expect, it } from '@jest/globals';
import type { StepResult } from '@switchyard/contracts';
import { boundMcp, presentable, recordable } from './clean-output.ts';
import type { Tool } from './tool.ts';

const tool = { name: 'web__read', provider: 'web', trust: 'untrusted', maxOutputBytes: 2_048 } as Tool;

describe('untrusted output', () => {
  it('says whose it is, and is cut', () => {
    const provenance = { tool: 'web__read', provider: 'web', trust: 'untrusted' };
    expect(presentable(tool, { status: 'succeeded', output: 'o\u200bk' })).toEqual({
      status: 'succeeded',
      output: 'ok',
      provenance,
    });
    const long = presentable(tool, { status: 'succeeded', output: 'x'.repeat(5_000) });
    expect(long).toMatchObject({ output: { truncated: true }, provenance });
    const failed: StepResult = { status: 'failed', code: 'tool_failed', message: 'n\u200bo' };
    expect(presentable(tool, failed)).toEqual({ ...failed, message: 'no', provenance });
    expect(presentable({ ...tool, trust: 'trusted' }, { status: 'succeeded', output: 'o\u200bk' })).toEqual({
      status: 'succeeded',
      output: 'o\u200bk',
    });
  });

  it('is bounded in depth', () => {
    let deep: unknown = 'x';
    for (let level = 0; level < 50_000; level += 1) deep = [deep];
    expect(JSON.stringify(presentable(tool, { status: 'succeeded', output: deep }))).toContain('deeper than');
  });

  it('leaves out for MCP clients what does not fit, and says so', () => {
    const image = { type: 'image', data: 'A'.repeat(10_000), mimeType: 'image/png' };
    const text = { type: 'text', text: 'y'.repeat(1_000) };
    const bounded = boundMcp({ content: [text, image, text], structuredContent: { big: 'z'.repeat(3_000) } }, 2_048);
    expect(bounded.content[0]).toEqual(text);
    expect(bounded.content[1]).toEqual({ type: 'text', text: '[left out: image, 10 KB]' });
    expect(bounded.structuredContent).toBeUndefined();
    expect(boundMcp({ content: [text], structuredContent: { a: 1 } }, 2_048)).toEqual({
      content: [text],
      structuredContent: { a: 1 },
    });
  });
});

const big = { name: 'big', provider: 'p', trust: 'trusted', maxOutputBytes: 65_536 } as Tool;

describe('an output that is longer than callers get', () => {
  it('is whole in the record of its call', () => {
    const output = { rows: 'x'.repeat(100_000) };
    expect(presentable(big, { status: 'succeeded', output })).toMatchObject({ output: { truncated: true } });
    expect(recordable(big, output)).toEqual(output);
  });

  it('is never recorded beyond 256 KB', () => {
    const recorded = recordable(big, 'x'.repeat(1_000_000));
    expect(Buffer.byteLength(JSON.stringify(recorded))).toBeLessThan(263_000);
  });

  it('is cleaned in the record as it is for callers, if it is untrusted', () => {
    const output = `${'x'.repeat(100_000)}\u200b\u202e`;
    expect(recordable({ ...big, trust: 'untrusted' }, output)).not.toContain('\u202e');
  });
});

it('records nothing of its own where callers get the whole', () => {
  expect(recordable(big, 'short')).toBeUndefined();
});
