import { describe, expect, it } from '@jest/globals';
import { type ConsoleMethods, logConsole } from './console.ts';
import { createLogger } from './log.ts';

function world() {
  const written: string[] = [];
  const log = createLogger({ app: 'test', level: 'debug', destination: { write: (line) => written.push(line) } });
  const methods = {} as ConsoleMethods;
  logConsole(log, methods);
  return { methods, written, lines: () => written.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

describe('what a library says on the console', () => {
  it('is a line of the log, of its level', () => {
    const { methods, lines } = world();
    methods.debug('a');
    methods.log('b %s', 'c', { d: 1 });
    methods.info('e');
    methods.warn(new Error('f').message);
    methods.error('g');
    expect(lines().map(({ level, event, message, source }) => [level, event, message, source])).toEqual([
      ['debug', undefined, 'a', 'console'],
      ['info', 'library_reported', 'A library says: b c { d: 1 }', 'console'],
      ['info', 'library_reported', 'A library says: e', 'console'],
      ['warn', 'library_warned', 'A library warns: f', 'console'],
      ['error', 'library_failed', 'A library reports an error: g', 'console'],
    ]);
  });

  it('writes no line of its own and moves no cursor, whatever untrusted text it holds', () => {
    const { methods, written } = world();
    methods.warn(`excluding tool 'x\n{"level":"error","message":"forged"}\n\u001b[2J' from tools/list`);
    expect(written).toHaveLength(1);
    for (const character of ['\n', '\u001b']) expect(written[0]!.trimEnd()).not.toContain(character);
  });

  it('shows no secret, and breaks nothing where it cannot be read', () => {
    const { methods, written, lines } = world();
    methods.error('Authorization: Bearer abcdefghijklmnopqrstuvwxyz');
    expect(written.join('')).not.toContain('abcdefghijklmnop');
    methods.error('%s', {
      toString() {
        throw new Error('no');
      },
    });
    expect(lines()).toHaveLength(2);
  });
});
