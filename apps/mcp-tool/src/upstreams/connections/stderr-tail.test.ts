import { describe, expect, it } from '@jest/globals';
import { fc } from '@switchyard/testing/property';
import { StderrTail } from './stderr-tail.ts';

describe('the last words of a process', () => {
  it('are the last few lines, and how it ended', () => {
    const said = new StderrTail([]);
    for (let line = 1; line <= 9; line += 1) said.hear(`line ${line}`);
    said.hear('   ');
    said.ended(1, null);
    expect(said.lines).toEqual(['line 6', 'line 7', 'line 8', 'line 9', '(it ended with exit code 1)']);
    said.ended(null, 'SIGKILL');
    expect(said.lines.at(-1)).toBe('(it ended by SIGKILL)');
  });

  it('never hold the value of a variable that it was given, nor what looks like a secret', () => {
    const said = new StderrTail(['s3cr3t-of-crm', undefined, 'ab']);
    said.hear('cannot log in with s3cr3t-of-crm at crm');
    said.hear('DATABASE_URL=postgres://u:hunter2@db/x');
    expect(said.lines[0]).toBe('cannot log in with *** at crm');
    expect(said.lines.join()).not.toMatch(/hunter2|s3cr3t/);
  });

  it('are short, and nothing that a terminal obeys, whatever it writes', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary', maxLength: 3_000 }), { maxLength: 7 }), (lines) => {
        const said = new StderrTail(['secret-value']);
        for (const line of lines) said.hear(`\u001b[2Jsecret-value${line}secret-value`);
        expect(said.lines.length).toBeLessThanOrEqual(5);
        for (const line of said.lines) {
          expect(line.length).toBeLessThanOrEqual(300);
          // eslint-disable-next-line no-control-regex -- those are what must not be there
          expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f]|secret-value/);
        }
      }),
    );
  });
});
