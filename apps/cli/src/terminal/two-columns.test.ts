import { describe, expect, it } from '@jest/globals';
import { columnLine, columnWidth, titleLine } from './two-columns.ts';

const plain = (_: unknown, text: string): string => text;

describe('two columns', () => {
  it('put each end into its own column', () => {
    expect(titleLine('here', 'there', 10, plain)).toBe('           here       | there');
    expect(columnLine('here', 'asks', 1_234, 10, plain, 'plain')).toBe('    1.23s  asks       |');
    expect(columnLine('there', 'answers', 50, 10, plain, 'plain')).toBe('    0.05s             | answers');
  });

  it('never let a text leave its column, nor rewrite the terminal', () => {
    const line = columnLine('here', `\u001b[2Jvery\nlong text that goes on`, 0, 12, plain, 'plain');
    expect(line).toBe('    0.00s  [2Jvery l... |'.replace('[2Jvery l', '[2Jvery l'));
    expect(line).not.toContain('\u001b');
  });

  it('stay readable on a narrow terminal, and where the width is not known', () => {
    expect(columnWidth(80)).toBe(36);
    expect(columnWidth(200)).toBe(93);
    expect(columnWidth(undefined)).toBe(68);
  });
});
